"""Checks of tuning: how conversations are written, sets of conversations and of preferences, what is learnt of them."""

from __future__ import annotations

from collections.abc import Iterator

from calame.recipe.check_timed import Known, Where
from calame.recipe.corpus import BUILTIN, Source
from calame.recipe.errors import Problem
from calame.recipe.schema import Recipe
from calame.recipe.tuning import RowSet

RESERVED = ("<pad>", "<unk>", "<s>", "</s>")


def chat_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """A format of one's own has all four marks, and they can be told apart."""
    chat, path = recipe.tokenizer.chat, ("tokenizer", "chat")
    if chat is None or not known(*path):
        return
    names = ("system", "user", "assistant", "end")
    marks = {name: getattr(chat, name) for name in names if known(*path, name)}
    given = {name: mark for name, mark in marks.items() if mark is not None}
    if chat.format != "own":
        for name in given:
            yield Problem(where(*path, name), f"format {chat.format} has marks of its own", remedy="format: own")
        return
    for name in sorted(marks.keys() - given.keys(), key=names.index):
        what = (
            "nothing would end a turn, or stop an answer" if name == "end" else f"nothing would begin what {name} says"
        )
        yield Problem(where(*path, name), f"missing, with format own: {what}", "a token of its own, e.g. <|fin|>")
    for name, mark in given.items():
        if mark in RESERVED or list(given.values()).count(mark) > 1:
            yield Problem(where(*path, name), f"{mark} is another token too", "four different ones of your own")


def conversation_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    if recipe.sft is None:
        return
    for name, part in recipe.sft.conversations.items():
        path = ("sft", "conversations", name)
        if not known(*path, "from") or not known(*path, "size"):
            continue
        yield from builtin_check(part, path, where)
        if (part.user is None) != (part.assistant is None):
            missing = "user" if part.user is None else "assistant"
            yield Problem(where(*path, missing), "missing beside the other column", "both, or neither")
        if part.user and part.format not in (None, "flat"):
            yield Problem(where(*path, "user"), f"a column, but the format is {part.format}", "format: flat")
        least, most = part.answers.least, part.answers.most
        if least and most and least > most:
            yield Problem(where(*path, "answers"), f"at least {least} and at most {most} words", "least up to most")
    optimizer = recipe.sft.optimizer
    if recipe.sft.lora and optimizer and optimizer.name == "muon" and known("sft", "optimizer", "name"):
        yield Problem(
            where("sft", "optimizer", "name"),
            "muon is for matrices of the model; the factors of an adapter are none",
            "adamw",
            "sft.optimizer.name=adamw",
        )


def pair_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    dpo = recipe.dpo
    if dpo is None:
        return
    for name, part in dpo.pairs.items():
        if known("dpo", "pairs", name, "from") and known("dpo", "pairs", name, "size"):
            yield from builtin_check(part, ("dpo", "pairs", name), where)
    if dpo.margin is not None and dpo.loss != "simpo" and known("dpo", "margin"):
        yield Problem(where("dpo", "margin"), f"{dpo.margin:g}, but the loss is {dpo.loss}", "only with loss simpo")
    others = [("pretrain", "context"), ("pretrain", "batch"), ("sft", "context"), ("sft", "batch")]
    if not all(known(*path) for path in (*others, ("dpo", "context"), ("dpo", "batch"))):
        return
    context, rows = dpo.context or 0, 2 * (dpo.context or 1)
    if (dpo.batch or 0) % rows:
        yield Problem(
            where("dpo", "batch"),
            f"{dpo.batch} tokens do not divide into rows of {rows}, twice the context",
            f"a multiple of {rows}",
            f"e.g. dpo.batch={max(1, round((dpo.batch or 0) / rows)) * rows}",
        )
    positions = recipe.model.max_position_embeddings
    if known("model", "max_position_embeddings") and context > (positions or context):
        yield Problem(where("dpo", "context"), f"{context} is more than the model's positions", f"at most {positions}")


def world_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Conversations and preferences about the built-in world must be about the one that the corpus tells of."""
    sources = recipe.corpus.sources
    told = {name: sources[name] for name in recipe.corpus.trained if sources[name].location == BUILTIN}
    if not told or not all(known("corpus", "sources", name, key) for name in told for key in ("size", "seed")):
        return
    worlds = {name: _world(source, recipe) for name, source in told.items()}
    spoken = {("sft", "conversations", name): part for name, part in _sets(recipe.sft, "conversations")}
    spoken |= {("dpo", "pairs", name): part for name, part in _sets(recipe.dpo, "pairs")}
    for path, part in spoken.items():
        unsure = not known(*path, "size") or not known(*path, "seed") or part.size is None
        if part.location == BUILTIN and not unsure and _world(part, recipe) not in worlds.values():
            yield Problem(
                where(*path, "size"),
                "talks about another world than the corpus: size and seed make the world",
                " or ".join(f"those of corpus.sources.{source}" for source in worlds),
            )


def _sets(section: object, key: str) -> list[tuple[str, RowSet]]:
    return list(getattr(section, key).items()) if section else []


def _world(part: Source | RowSet, recipe: Recipe) -> tuple[int | None, int]:
    return part.size, recipe.seed if part.seed is None else part.seed


def builtin_check(part: Source | RowSet, path: tuple[str, ...], where: Where) -> Iterator[Problem]:
    if part.location.startswith("builtin:") and part.location != BUILTIN:
        yield Problem(where(*path, "from"), f"no built-in corpus {part.location!r}", BUILTIN)
    if part.location.startswith("builtin:") and part.size is None:
        yield Problem(where(*path, "size"), "missing: how much should be written?", remedy="e.g. size: 3MB")
