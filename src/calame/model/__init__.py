"""Decoders: their configuration, their exact parameter counts, their mapping to and from Hugging Face."""
