"""Benchmarks: tasks from local files, and those of lm-evaluation-harness."""
