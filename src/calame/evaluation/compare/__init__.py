"""Which checkpoint is taken, by declared criteria, with intervals, and why, in words."""
