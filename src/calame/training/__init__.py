"""The one training loop, and what it is made of. Tuning is other data on it, never a copy of it."""
