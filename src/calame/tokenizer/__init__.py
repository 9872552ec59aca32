"""Training, adopting and measuring tokenizers; special tokens and the chat format: one policy for everything."""
