"""In which language the terminal chat speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from calame.inference.chat_texts import TEXTS


def choose_language(asked: str | None, folder: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """The interface's language, and the key of the reason: as asked, the first one known of the run's recipe or of the
    model's card in `folder`, that of the terminal, English."""
    candidates = [
        ("asked", [asked] if asked else []),
        ("recipe", _listed(folder / "recipe.yaml", "languages")),
        ("card", _listed(folder / "README.md", "language")),
        ("locale", _locale(environment)),
    ]
    known = ((code, reason) for reason, codes in candidates for code in codes if code in TEXTS)
    return next(known, ("en", "fallback"))


def _listed(file: Path, key: str) -> list[Any]:
    """The value of a key in a YAML file, or in the YAML header of a Markdown file, as a list; nothing from others."""
    try:
        text = file.read_text(encoding="utf-8")
        text = text.split("---")[1] if file.suffix == ".md" and text.startswith("---") else text
        found = yaml.safe_load(text).get(key, [])
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return []
    return found if isinstance(found, list) else [found]


def _locale(environment: Mapping[str, str]) -> list[str]:
    """As POSIX ranks the variables: the first that is set counts."""
    found = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return [found[:2].lower()]
