"""One module a format: from a file's bytes to rows, never loaded whole. `kinds.py` lists them."""
