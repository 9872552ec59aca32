"""Checks of what follows the token position: steps of the context, schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from calame.recipe.errors import Problem
from calame.recipe.schema import Recipe
from calame.recipe.timeline import values_of
from calame.recipe.units import say_count

Where = Callable[..., str]
Known = Callable[..., bool]


def contexts(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Steps of the context: so that the windows of the text, and with them its order, are the same for all."""
    values, key = values_of(recipe.pretrain.context), where("pretrain", "context")
    if not known("pretrain", "context") or len(values) == 1:
        return
    wrong = [value for value, after in pairwise(values) if after % value]
    if wrong:
        yield Problem(
            key,
            f"steps {', '.join(map(str, values))}: {wrong[0]} does not divide what comes after it",
            "contexts that grow, each a multiple of the one before",
            "e.g. {0: 256, 1B: 512}",
        )
    if known("pretrain", "documents") and recipe.pretrain.documents == "chunks":
        yield Problem(
            key,
            "steps do not go with pretrain.documents=chunks: how often a text was read depends on the rows it fills",
            "one number",
            "pretrain.documents=masked",
        )


def schedules(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Keys of the decay belong to wsd, whose decay comes after the warm-up."""
    parts = {"pretrain": recipe.pretrain, "sft": recipe.sft, "dpo": recipe.dpo}
    for name, schedule in ((name, part.schedule) for name, part in parts.items() if part):
        path = (name, "schedule")
        if not all(known(*path, key) for key in ("kind", "decay", "shape", "horizon", "warmup")):
            continue
        for key in ("decay", "shape"):
            if schedule.kind != "wsd" and getattr(schedule, key) is not None:
                words = f"{getattr(schedule, key)}, but the schedule is {schedule.kind}"
                yield Problem(where(*path, key), words, "only with kind wsd", f"{name}.schedule.kind=wsd")
        end = schedule.horizon or (recipe.pretrain.tokens if name == "pretrain" and known(name, "tokens") else None)
        room = end - (schedule.warmup or 0) if end else None
        if schedule.kind == "wsd" and schedule.decay and room is not None and schedule.decay > room:
            words = f"{say_count(schedule.decay)} tokens do not fit between warm-up and horizon"
            yield Problem(where(*path, "decay"), words, f"at most {max(room, 0)}")
