"""Generation with a key-value cache, and the terminal chat."""
