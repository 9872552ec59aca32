"""The typed recipe: what a run is made of. The lowest room: it imports nothing of ours."""
