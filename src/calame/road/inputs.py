"""What a recipe reads from disk, found before anything is made, so that a missing file is not found out after days."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from calame.corpus.evaluation_items import item_file
from calame.corpus.files import find_files
from calame.corpus.read import SourceReader, builtin_rows
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.schema import Recipe
from calame.recipe.tuning import RowSet
from calame.tuning.rows import KINDS

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".msgpack", ".h5")  # a tokenizer's folder may hold


@dataclass
class Inputs:
    """What a recipe reads from disk: for each key that says so, the location and its files."""

    readers: dict[str, SourceReader] = field(default_factory=dict)
    files: dict[str, tuple[str, list[Path]]] = field(default_factory=dict)


def find_inputs(recipe: Recipe) -> Inputs:
    """Find everything before anything is made. Raises `UserError` naming all that is not there."""
    inputs, problems = Inputs(), []
    for name, source in recipe.corpus.sources.items():
        with _noting(problems):
            detect = (source.language_id or recipe.corpus.language_id).check == "detect"
            inputs.readers[name] = SourceReader(name, source, recipe.languages, recipe.seed, detect)
    for key, location in _evaluation_files(recipe).items():
        with _noting(problems):
            inputs.files[key] = location, [item_file(location, key)]
    for key, part in _sets(recipe).items():
        with _noting(problems):
            if part.location.startswith("builtin:"):
                seed = recipe.seed if part.seed is None else part.seed
                builtin_rows("dialogues", key, seed, part.size or 0, recipe.languages)
            elif part.location != "own-text" and not part.location.startswith("hub:"):
                inputs.files[f"{key}.from"] = part.location, find_files(part.location, (), f"{key}.from", KINDS)
    for key, location, elsewhere, find in (
        ("tokenizer.from", recipe.tokenizer.location, "hub:", _tokenizer(recipe)),
        ("corpus.quality.from", recipe.corpus.quality and recipe.corpus.quality.location, (), _classifier(recipe)),
        ("model.init", recipe.model.init, (), _weight_files),
        ("pretrain.load.from", recipe.pretrain.load and recipe.pretrain.load.location, (), _checkpoint_manifest),
        ("evaluation.questions", recipe.evaluation.questions, "builtin:", _question_file),
        ("evaluation.behaviour.from", recipe.evaluation.behaviour.location, (), _prompts),
        ("evaluation.probes.from", recipe.evaluation.probes.location, (), _probes),
        ("evaluation.folder", recipe.evaluation.folder if recipe.evaluation.tasks else None, (), _task_files),
    ):
        if location and not location.startswith(elsewhere):
            with _noting(problems):
                inputs.files[key] = location, find(location)
    if problems:
        raise UserError(problems)
    return inputs


def _evaluation_files(recipe: Recipe) -> dict[str, str]:
    """The evaluation files that the corpus is searched for, or has mixed in, by their keys."""
    searched, mixed_in = recipe.corpus.decontaminate, recipe.corpus.inject and recipe.corpus.inject.evaluation
    files = {f"corpus.decontaminate.files.{name}": at for name, at in (searched.files if searched else {}).items()}
    return files | {
        f"corpus.inject.evaluation.files.{name}": at for name, at in (mixed_in.files if mixed_in else {}).items()
    }


def _sets(recipe: Recipe) -> dict[str, RowSet]:
    """The sets of conversations and of preferences, by their keys."""
    found: dict[str, RowSet] = {}
    if recipe.sft:
        found |= {f"sft.conversations.{name}": part for name, part in recipe.sft.conversations.items()}
    if recipe.dpo:
        found |= {f"dpo.pairs.{name}": part for name, part in recipe.dpo.pairs.items()}
    return found


@contextmanager
def _noting(problems: list[Problem]) -> Iterator[None]:
    """Keeps a user's mistake for later, so that it is told together with the others."""
    try:
        yield
    except UserError as error:
        problems += error.problems


def _tokenizer(recipe: Recipe) -> Callable[[str], list[Path]]:
    """The files of a tokenizer, which must be one that llama.cpp can run where GGUF files are asked for."""

    def find(location: str) -> list[Path]:
        if not Path(location).is_dir():
            raise refuse("tokenizer.from", f"{location}: no such folder", "a folder, or hub:ID")
        if recipe.release.gguf:
            from calame.release.gguf.vocabulary import vocabulary_of
            from calame.tokenizer.adopt import adopt
            from calame.tokenizer.policy import chat_format

            tokenizer = adopt(location, chat_format(recipe.tokenizer.chat))
            vocabulary_of(tokenizer, tokenizer.size)
        return sorted(path for path in Path(location).iterdir() if path.is_file() and path.suffix not in WEIGHTS)

    return find


def _classifier(recipe: Recipe) -> Callable[[str], list[Path]]:
    from calame.corpus.quality.scorer import classifier_files

    return lambda location: classifier_files(
        Path(location), "corpus.quality.from", recipe.corpus.quality.scorer if recipe.corpus.quality else ""
    )


def _weight_files(location: str) -> list[Path]:
    files = sorted(Path(location).glob("*.safetensors"))
    if not files or not (Path(location) / "config.json").is_file():
        raise refuse(
            "model.init", f"{location}: not a folder with config.json and safetensors", "a Hugging Face folder"
        )
    return [Path(location) / "config.json", *files]


def _checkpoint_manifest(location: str) -> list[Path]:
    """The manifest stands for the whole checkpoint: it holds the hashes of its files."""
    from calame.run.checkpoint import MANIFEST
    from calame.training.start import find_checkpoint

    return [find_checkpoint(location) / MANIFEST]


def _question_file(location: str) -> list[Path]:
    files = find_files(location, (), "evaluation.questions", (".jsonl",))
    if files != [Path(location)]:
        raise refuse("evaluation.questions", f"{location}: more than a file", "one .jsonl file")
    return files


def _prompts(location: str) -> list[Path]:
    from calame.evaluation.behaviour.prompts import read_prompts

    read_prompts(Path(location))  # what is wrong with it is said before anything is made
    return [Path(location)]


def _probes(location: str) -> list[Path]:
    from calame.evaluation.probes.read import read_probes

    read_probes(Path(location))
    return [Path(location)]


def _task_files(location: str) -> list[Path]:
    from calame.evaluation.tasks.manifest import task_files

    return task_files(Path(location))
