"""Tokens on disk, the mixture, and the loader: a batch is a pure function of (shards, recipe, token position)."""
