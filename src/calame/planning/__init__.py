"""Arithmetic only: what hardware can do, what a run will take."""
