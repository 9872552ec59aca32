"""The model card: sentences of one table a language, filled from records and from nothing else."""
