"""Personal data in text: found by form and check digits, then replaced, reported, or reason to drop a document."""

from calame.corpus.pii.step import pii_steps as pii_steps
