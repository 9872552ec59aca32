"""Quality: scorers give each document a number, and a rule by source and language decides which numbers stay."""
