"""What the sections of a recipe have in common: strictness, and the types of their values."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from calame.recipe.units import Tokens

NAME, LANGUAGE, SELECT = r"^[a-z0-9][a-z0-9._-]*$", r"^[a-z]{2,3}$", r"^(last|(best|compare):.+)$"
MARK = r"^[^\s'\"\\{}]{2,40}$"
CELL = f"^({LANGUAGE[1:-1]})/({NAME[1:-1]})$"
HUB, CURRENCY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$", r"^[A-Z]{3}$"
PATTERNS = {  # in words, for messages
    NAME: "small letters, digits, '.', '_' and '-', a letter or digit first",
    LANGUAGE: "two or three small letters, e.g. fr",
    CELL: "LANGUAGE/KIND, e.g. fr/web",
    MARK: "2 to 40 characters without space, quotes, backslash and braces, e.g. <|moi|>",
    HUB: "OWNER/NAME on the hub, as lune/conteur",
    CURRENCY: "three capital letters, as EUR",
    SELECT: "last, best:METRIC as best:val/mixed/loss, or compare:CRITERIA as compare:balanced",
}
Name = Annotated[str, StringConstraints(pattern=NAME)]
Language = Annotated[str, StringConstraints(pattern=LANGUAGE)]
Cell = Annotated[str, StringConstraints(pattern=CELL)]
LEAST_VOCABULARY = 264  # entries; 256 bytes, 6 special tokens, and something to learn
Positive = Annotated[int, Field(gt=0)]
PositiveTokens = Annotated[Tokens, Field(gt=0)]


class Section(BaseModel):
    """A part of the recipe: unknown keys are errors, values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def keys_of(section: Section, *leave_out: str) -> dict[str, Any]:
    """Its keys as they are written in a recipe, without those that have no value."""
    data = section.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {key: value for key, value in data.items() if key not in leave_out}
