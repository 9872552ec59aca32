"""Decoding search: which settings of the sampler suit a model, chosen on some prompts and confirmed on others."""
