"""Themes of synthetic conversations: what is asked for, in which words, how often, and which answers give a model away.

The shipped ones are `themes/LANGUAGE.yaml`; another language is another such file.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.section import Language, Section


class Theme(Section):
    """One kind of exchange; `weight` says how often, against the others'."""

    register_: str = Field(alias="register")
    theme: str
    task: str
    weight: Annotated[float, Field(gt=0)] = 1.0


class Themes(Section):
    """The themes of one language. `instruction` holds {count}, {register}, {theme}, {task}; `doubts` are words, in
    small letters, of answers that are refused."""

    language: Language
    instruction: str
    doubts: list[str]
    themes: list[Theme] = Field(min_length=1)

    def prompt(self, theme: Theme, count: int) -> str:
        """What a model is asked. Not str.format: the instruction holds braces of JSON."""
        text = self.instruction.replace("{count}", str(count))
        for name, value in (("register", theme.register_), ("theme", theme.theme), ("task", theme.task)):
            text = text.replace(f"{{{name}}}", value)
        return text


def read_themes(what: str) -> list[Themes]:
    """The themes of a file of themes, or the shipped ones of a recipe's languages. Raises `UserError`."""
    data = _yaml(Path(what)) if Path(what).is_file() else None
    if isinstance(data, dict) and "themes" in data:
        return [_own(data, what)]
    from calame.recipe.load import load_recipe

    recipe, _ = load_recipe(what)
    if missing := [code for code in recipe.languages if code not in shipped_languages()]:
        remedy = "write a file of themes (language, instruction, doubts, themes) and give it in the recipe's place"
        raise refuse("languages", f"no themes for {', '.join(missing)}", ", ".join(shipped_languages()), remedy)
    return [Themes.model_validate(_shipped(code)) for code in recipe.languages]


def shipped_languages() -> list[str]:
    return sorted(file.name.removesuffix(".yaml") for file in (resources.files("calame.corpus") / "themes").iterdir())


def _shipped(language: str) -> dict[str, Any]:
    file = resources.files("calame.corpus") / "themes" / f"{language}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _own(data: dict[str, Any], file: str) -> Themes:
    """The user's themes; what he leaves out (instruction, doubts) is that of the shipped ones in his language."""
    language = str(data.get("language", ""))
    defaults = _shipped(language) if language in shipped_languages() else {}
    try:
        return Themes.model_validate({**defaults, **data})
    except ValidationError as error:
        faults = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        raise UserError([Problem(f"{file}: {key}", found) for key, found in faults]) from None


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refuse(str(path), f"not YAML: {' '.join(str(error).split())}") from None
