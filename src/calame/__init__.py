"""Calame: from raw text to a released, evaluated, chatting small language model."""

__version__ = "0.1.0"
