"""Conversations, what of them is learnt, and their tuning: on the one training loop."""
