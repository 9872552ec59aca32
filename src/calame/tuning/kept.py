"""Examples on disk: what was once read is what a stopped tuning goes on with, whatever has become of the sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from calame.run.files import atomic
from calame.run.launch import chief
from calame.tuning.encode import Example

FILE = "examples.npz"


def kept(folder: Path, read: Callable[[], list[list[Example]]]) -> list[list[Example]]:
    """The groups of examples that stand in the folder; else those that are read now, which then do."""
    path = folder / FILE
    if path.is_file():
        return _load(path)
    groups = read()
    if chief():
        _save(path, groups)
    return groups


def _save(path: Path, groups: Sequence[Sequence[Example]]) -> None:
    """Groups that are read more than once are the same object, and are written once."""
    once = list({id(group): group for group in groups}.values())
    numbers = {id(group): number for number, group in enumerate(once)}
    examples = [example for group in once for example in group]
    with atomic(path, "wb") as file:
        np.savez_compressed(
            file,
            order=np.array([numbers[id(group)] for group in groups], np.int32),
            sizes=np.array([len(group) for group in once], np.int32),
            lengths=np.array([len(example.tokens) for example in examples], np.int32),
            tokens=np.concatenate([example.tokens for example in examples]),
            targets=np.concatenate([example.targets for example in examples]),
        )


def _load(path: Path) -> list[list[Example]]:
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["lengths"])[:-1]
        pairs = zip(np.split(file["tokens"], ends), np.split(file["targets"], ends), strict=True)
        examples = [Example(tokens, targets) for tokens, targets in pairs]
        starts = np.cumsum(file["sizes"]) - file["sizes"]
        once = [examples[start : start + size] for start, size in zip(starts, file["sizes"], strict=True)]
        return [once[number] for number in file["order"]]
