"""Languages as people call them."""

from __future__ import annotations

NAMES = {
    "br": "Breton",
    "ca": "Catalan",
    "co": "Corsican",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "eu": "Basque",
    "fr": "French",
    "it": "Italian",
    "la": "Latin",
    "nl": "Dutch",
    "oc": "Occitan",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
}


def language_name(code: str) -> str:
    """Its English name, or the code itself where it is not known here."""
    return NAMES.get(code, code)
