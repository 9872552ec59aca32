"""Cleaning: repair, line removal and verdicts, each a step of one document."""
