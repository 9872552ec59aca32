"""The injector: text that is mixed into training on purpose and harmless, to measure what a model takes from it."""
