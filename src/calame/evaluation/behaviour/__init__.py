"""How a model writes when it is left alone: loops, repetition, its language, whether it ends."""
