"""Probes: beginnings whose continuation is known, and how likely a model finds it."""
