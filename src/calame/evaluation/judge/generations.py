"""Generations to be judged: rows of prompt, text and language, from a file; and the pairs that two files make."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.corpus.readers.kinds import read_rows
from calame.recipe.errors import Problem, UserError, refuse

MOST_PROBLEMS = 10  # that are listed in one message
PROMPTS, TEXTS = ("prompt", "question"), ("text", "continuation", "answer")  # columns, the first that is there


@dataclass(frozen=True)
class Generation:
    """What a model made of a prompt. `text` may be empty: a model that says nothing is judged too."""

    id: str
    prompt: str
    text: str
    language: str


@dataclass(frozen=True)
class Pair:
    """What two models made of one prompt."""

    a: Generation
    b: Generation

    @property
    def id(self) -> str:
        return self.a.id


def prompt_id(prompt: str) -> str:
    """What a prompt without an id is called: the same in every file."""
    return hashlib.blake2b(prompt.encode(), digest_size=6).hexdigest()


def read_generations(path: Path, language: str | None = None) -> list[Generation]:
    """The rows of a file: prompt, text, language (or the one that is given), and id where there is one.

    Raises `UserError` for every row at fault, and where two rows are of one prompt."""
    found: dict[str, Generation] = {}
    problems: list[Problem] = []
    for row in read_rows(path):
        one = _generation(row.values, language) if row.values is not None else row.fault
        if isinstance(one, str):
            problems.append(Problem(row.place, one))
        elif one.id in found:
            remedy = "one text a prompt; of a decoding search take the rows of one setting"
            problems.append(Problem(row.place, f"a second text for the prompt {one.prompt[:60]!r}", remedy=remedy))
        else:
            found[one.id] = one
    if problems:
        more = len(problems) - MOST_PROBLEMS
        rest = [Problem("and", f"{more} more rows at fault")] if more > 0 else []
        raise UserError([*problems[:MOST_PROBLEMS], *rest])
    if not found:
        raise refuse(str(path), "no generations in it", "rows of prompt, text, language")
    return list(found.values())


def _generation(values: dict[str, Any], language: str | None) -> Generation | str:
    """The generation of a row, or what is wrong with it."""
    prompt, text = (next((values[name] for name in names if name in values), None) for names in (PROMPTS, TEXTS))
    spoken = values.get("language") or values.get("lang") or language
    if not isinstance(prompt, str) or not prompt.strip():
        return f"no prompt in its column {' or '.join(PROMPTS)}"
    if not isinstance(text, str):
        return f"no text in its column {' or '.join(TEXTS)}"
    if not isinstance(spoken, str):
        return "no language in its column language; or give --language"
    return Generation(str(values.get("id") or prompt_id(prompt)), prompt, text, spoken)


def pair_up(ours: Sequence[Generation], theirs: Sequence[Generation]) -> tuple[list[Pair], int]:
    """The pairs of equal prompts, in our order, and how many generations have no partner. Raises `UserError` where
    there is no pair, or where an id stands for two prompts."""
    by_id = {generation.id: generation for generation in theirs}
    pairs = [Pair(one, by_id[one.id]) for one in ours if one.id in by_id]
    if wrong := [pair for pair in pairs if pair.a.prompt != pair.b.prompt]:
        raise refuse(
            f"id {wrong[0].id}",
            f"two prompts: {wrong[0].a.prompt[:60]!r} and {wrong[0].b.prompt[:60]!r}",
            "one id, one prompt",
        )
    if not pairs:
        raise refuse("generations", "the two files have no prompt in common", "texts on the same prompts")
    return pairs, len(ours) + len(theirs) - 2 * len(pairs)


def take(generations: Sequence[Any], limit: int | None) -> list[Any]:
    """So many of them, by the hash of their id, in their order: a greater limit holds a smaller one's."""
    if limit is None or limit >= len(generations):
        return list(generations)
    kept = {one.id for one in sorted(generations, key=lambda one: prompt_id(one.id))[:limit]}
    return [one for one in generations if one.id in kept]
