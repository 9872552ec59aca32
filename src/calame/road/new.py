"""`calame new`: count the user's text and write a commented recipe for it that runs."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.corpus.document import Document
from calame.corpus.read import SourceReader
from calame.corpus.readers.kinds import TEXT_KINDS, kind_of
from calame.planning.hardware import CARDS, find_card, why_no_peak
from calame.planning.shape import BYTES_PER_TOKEN, Shape, Speed, shape_for
from calame.recipe.corpus import Source
from calame.recipe.describe import shipped_recipes
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.units import say_bytes, say_count, say_seconds
from calame.run.files import atomic
from calame.run.progress import program, say

LEAST = 200_000  # bytes: less than this teaches nothing that can be told from noise
FEWEST_STEPS = 100  # fewer have hardly left the warm-up
FEW_FILES = 20  # fewer text files than this are cut into passages, so that some can be kept for validation
MOST_CONVERSATIONS = 20_000  # made of the text: more teach nothing more about taking turns
UTILISATION = 0.35  # of a card's peak that small models reach; measured runs replace it (docs/gpu.md)
BEGINNINGS = {"fr": "Il était une fois", "it": "C’era una volta", "en": "Once upon a time"}


@dataclass(frozen=True)
class Counted:
    """A source of the new recipe, with what was found in it."""

    name: str
    location: str
    language: str
    document: str | None  # how files are cut, where it is not what their kind is for
    documents: int
    bytes: int
    words: int


def new(name: str, text: str, languages: Sequence[str], gpu: str | None, hours: float | None) -> None:
    """Write NAME.yaml. Raises `UserError` for a name in use, text that is missing, unreadable or too little."""
    target = Path(f"{name}.yaml")
    _check(name, languages, hours, target)
    counted = [_count(*part) for part in _parts(Path(text), languages)]
    size = sum(part.bytes for part in counted)
    for part in counted:
        amount = f"{part.documents:,} documents, {say_bytes(part.bytes)}, {part.words:,} words"
        say(f"{part.name} ({part.language}): {amount}")
    if size < LEAST:
        raise refuse(
            text,
            f"{say_bytes(size)} of text",
            f"at least {say_bytes(LEAST)}, about {LEAST // 6:,} words",
            f"add {say_bytes(LEAST - size)} or more",
        )
    speed = _speed(gpu)
    shape = shape_for(size, speed, hours)
    if shape.tokens.value < FEWEST_STEPS * shape.batch.value:
        raise refuse(
            "--hours",
            f"{hours:g}: enough for {say_count(shape.tokens.value)} tokens only, on {speed.reason}",
            f"at least {(hours or 0) * FEWEST_STEPS * shape.batch.value / max(shape.tokens.value, 1):.2g}, "
            f"for {FEWEST_STEPS} steps",
            "give more time, or name a faster card with --gpu",
        )
    with atomic(target, "w") as file:
        file.write(_recipe(name, languages, counted, shape))
    say(
        f"a model of {say_count(shape.parameters)} parameters, {say_count(shape.tokens.value)} tokens, "
        f"about {say_seconds(shape.seconds)} of pretraining ({speed.reason})"
    )
    say(f"wrote {target}; now: {program()} run {target}, then: {program()} chat {name}")


def _check(name: str, languages: Sequence[str], hours: float | None, target: Path) -> None:
    problems = []
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        problems.append(Problem("NAME", repr(name), "small letters, digits, '.', '_' and '-'"))
    if target.exists():
        problems.append(Problem(str(target), "is there already", remedy="choose another name, or remove it"))
    if name in shipped_recipes():
        problems.append(Problem("NAME", f"{name} is the name of a recipe that comes with Calame", "another name"))
    if len(set(languages)) < len(languages):
        problems.append(Problem("--languages", f"{','.join(languages)}: one of them twice", "each once"))
    problems += [
        Problem("--languages", repr(code), "codes of two or three letters, e.g. fr,it")
        for code in languages
        if not re.fullmatch("[a-z]{2,3}", code)
    ]
    if hours is not None and hours <= 0:
        problems.append(Problem("--hours", f"{hours:g}", "more than 0"))
    if problems:
        raise UserError(problems)


def _parts(text: Path, languages: Sequence[str]) -> list[tuple[str, Path, str]]:
    """(source name, location, language): one source, or with several languages one folder for each."""
    if not text.exists():
        raise refuse(str(text), "no such file or folder", remedy="check the path after --text")
    if len(languages) == 1:
        return [("text", text, languages[0])]
    missing = [language for language in languages if not (text / language).is_dir()]
    if missing:
        raise refuse(
            str(text),
            f"no folder {' and no folder '.join(missing)} in it",
            f"with several languages, one folder for each: {', '.join(f'{text}/{code}' for code in languages)}",
            "sort the files so, or write one source a language into a recipe by hand",
        )
    return [(language, text / language, language) for language in languages]


def _count(name: str, location: Path, language: str) -> Counted:
    source = Source.model_validate({"from": str(location), "language": language})
    files = SourceReader(name, source, [language], 0).files
    few = len(files) < FEW_FILES and any(kind_of(path, TEXT_KINDS) for path in files)
    source = source.model_copy(update={"document": "passage"}) if few else source
    documents = size = words = 0
    for item in SourceReader(name, source, [language], 0).read():
        if isinstance(item, Document):
            documents, size, words = documents + 1, size + len(item.text.encode()), words + len(item.text.split())
    if documents < 2:
        raise refuse(
            str(location), f"{documents} documents", "at least 2, so that one can be kept for validation", "add text"
        )
    return Counted(name, str(location.resolve()), language, source.document, documents, size, words)


def _speed(gpu: str | None) -> Speed:
    """FLOP/s of the named card, of the card that is here, or of these CPUs by trying."""
    import torch

    name = gpu or (torch.cuda.get_device_name() if torch.cuda.is_available() else None)
    if name is None or name == "cpu":
        return _cpu_speed()
    card = find_card(name)
    if card is None or card.peak is None:
        raise refuse(
            "--gpu",
            why_no_peak(name),
            f"cpu, {', '.join(card.name for card in CARDS if card.peak)}",
            "give the card's whole name, add it with its source in calame/planning/hardware.py, or leave --gpu out "
            "and write the shape into the recipe by hand",
        )
    return Speed(
        card.peak * UTILISATION, f"{card.name}: {UTILISATION:.0%} of {say_count(card.peak)} FLOP/s, {card.source}"
    )


def _cpu_speed() -> Speed:
    import torch

    matrix = torch.randn(1024, 1024)
    torch.mm(matrix, matrix)
    start, times = time.perf_counter(), 0
    while time.perf_counter() - start < 0.5:
        torch.mm(matrix, matrix)
        times += 1
    rate = times * 2 * 1024**3 / (time.perf_counter() - start)
    return Speed(rate * 0.5, f"half of the {say_count(rate)} FLOP/s that a matrix product reached here just now")


def _recipe(name: str, languages: Sequence[str], counted: Sequence[Counted], shape: Shape) -> str:
    """The recipe as commented YAML."""
    epochs = math.ceil(shape.tokens.value * BYTES_PER_TOKEN / sum(part.bytes for part in counted)) + 1
    lines = [
        f"# Written by: calame new {name}. Every number may be changed; what was derived says why.",
        f"name: {_quoted(name)}",
        f"languages: [{', '.join(map(_quoted, languages))}]",
        "",
        "corpus:",
        "  sources:",
    ]
    for part in counted:
        lines += [
            f"    {part.name}:  # {part.documents:,} documents, {say_bytes(part.bytes)}, {part.words:,} words",
            f"      from: {_quoted(part.location)}",
            f"      language: {_quoted(part.language)}",
        ]
        if part.document == "passage":
            lines.append(f"      document: passage  # fewer than {FEW_FILES} files: cut, to keep some for validation")
    lines += [
        "",
        "tokenizer:",
        f"  vocabulary: {shape.vocabulary.value}  # {shape.vocabulary.reason}",
        "",
        f"model:  # {shape.parameters:,} parameters",
        f"  hidden_size: {shape.hidden_size.value}  # {shape.hidden_size.reason}",
        f"  num_hidden_layers: {shape.layers.value}",
        "",
        f"pretrain:  # about {say_seconds(shape.seconds)}",
        f"  tokens: {shape.tokens.value}  # {shape.tokens.reason}",
        f"  context: {shape.context.value}  # {shape.context.reason}",
        f"  batch: {shape.batch.value}  # {shape.batch.reason}",
        f"  mixture: {{epochs: {epochs}}}  # a little room: the count of tokens was an estimate",
        "  optimizer:",
        "    name: muon  # half the tokens that AdamW needs on small texts (docs/LOG.md)",
        f"    learning_rate: {shape.rate.value:g}  # {shape.rate.reason}",
        "",
        "# There are no conversations in plain text: these are made of it (the user gives a sentence, the assistant",
        "# goes on). The model learns to converse and to stop; for answers to questions, give it a file of your own:",
        '#   mine: {from: conversations.jsonl}   with rows {"messages": [{"role": "user", "content": "..."}, ...]}',
        "sft:",
        "  conversations:",
        f"    text: {{from: own-text, limit: {MOST_CONVERSATIONS}}}",
        "  epochs: 2",
        f"  batch: {min(4 * shape.context.value, shape.batch.value)}  # four rows: there are few conversations",
        "  replay: 25%  # the text goes on being read, so that it is not forgotten",
        "  optimizer:",
        "    name: muon",
        f"    learning_rate: {shape.rate.value / 2:g}  # half of pretraining's: at a tenth it hardly learns to stop",
        "",
        "evaluation:",
        "  prompts: [" + ", ".join(_quoted(BEGINNINGS[code]) for code in languages if code in BEGINNINGS) + "]",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A YAML string: bare words such as no (Norwegian) or 1984 mean something else there."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
