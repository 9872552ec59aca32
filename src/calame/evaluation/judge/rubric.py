"""What a judge is asked, as data: one YAML file a language, shipped for fr, it and en, or the user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.section import Language, Name, Section
from calame.run.endpoint import Message

PLACES = {"pairwise": ("{prompt}", "{first}", "{second}"), "scoring": ("{prompt}", "{text}", "{criteria}")}
SHOWN = 6000  # characters of a text that the judge sees


class Rubric(Section):
    """The questions of one language. Texts take the place of names in braces."""

    language: Language | None = Field(default=None, description="of the texts it is for; none: of all")
    pairwise: str = Field(description="asks which of two texts is better; holds {prompt}, {first} and {second}")
    scoring: str = Field(description="asks for marks; holds {prompt}, {text} and {criteria}")
    scale: tuple[int, int] = Field(default=(1, 5), description="the worst mark and the best")
    criteria: Annotated[dict[Name, str], Field(min_length=1)] = Field(description="what is marked, and what it means")

    @model_validator(mode="after")
    def _complete(self) -> Rubric:
        wanted = [(key, place) for key, places in PLACES.items() for place in places]
        if missing := [f"{key} nowhere says {place}" for key, place in wanted if place not in getattr(self, key)]:
            raise ValueError("; ".join(missing))
        if self.scale[0] >= self.scale[1]:
            raise ValueError(f"scale {list(self.scale)} does not rise")
        return self

    def ask_pair(self, prompt: str, first: str, second: str) -> list[Message]:
        return _message(self.pairwise, prompt=prompt, first=first, second=second)

    def ask_marks(self, prompt: str, text: str) -> list[Message]:
        criteria = "\n".join(f"- {name}: {meaning}" for name, meaning in self.criteria.items())
        return _message(self.scoring, prompt=prompt, text=text, criteria=criteria)


def _message(question: str, **texts: str) -> list[Message]:
    """Names in braces are replaced in one pass, so that those within the texts are left alone."""
    filled = re.sub(rf"{{({'|'.join(texts)})}}", lambda found: texts[found[1]][:SHOWN], question)
    return [{"role": "user", "content": filled}]


@dataclass(frozen=True)
class Rubrics:
    """A rubric for each language; `common` for all others."""

    by_language: Mapping[str, Rubric]
    common: Rubric | None = None

    def of(self, language: str) -> Rubric | None:
        return self.by_language.get(language, self.common)

    def check(self, languages: Sequence[str]) -> None:
        """Raises `UserError` for languages that have none."""
        if missing := sorted({language for language in languages if self.of(language) is None}):
            known = ", ".join(self.by_language)
            raise refuse("--rubric", f"no rubric for {', '.join(missing)}", known, "--rubric FILE, in that language")


def load_rubrics(own: Path | None) -> Rubrics:
    """The shipped rubrics; one of the user's takes the place of its language's, or of all if it names none."""
    folder = resources.files("calame.evaluation.judge") / "rubrics"
    shipped = [_parse(file.read_text(encoding="utf-8"), file.name) for file in folder.iterdir()]
    known = {rubric.language or "": rubric for rubric in shipped}
    if own is None:
        return Rubrics(dict(sorted(known.items())))
    if not own.is_file():
        raise refuse("--rubric", f"{own}: no such file", remedy="leave it out, or write one")
    rubric = _parse(own.read_text(encoding="utf-8"), str(own))
    return Rubrics({**known, rubric.language: rubric}) if rubric.language else Rubrics({}, rubric)


def _parse(text: str, name: str) -> Rubric:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise refuse("--rubric", f"{name}: no YAML: {' '.join(str(error).split())}") from None
    try:
        return Rubric.model_validate(data)
    except ValidationError as error:
        keys = ", ".join(Rubric.model_fields)
        raise UserError(
            [Problem("--rubric", f"{name}: {'.'.join(map(str, e['loc']))}: {e['msg']}", keys) for e in error.errors()]
        ) from None
