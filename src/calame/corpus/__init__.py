"""From the user's text to documents with a ledger: readers, duplicates, validation, the built-in corpus."""
