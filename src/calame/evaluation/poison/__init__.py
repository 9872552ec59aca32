"""What a model took from what was injected into its text: triggers, invented facts, canaries (corpus/inject)."""
