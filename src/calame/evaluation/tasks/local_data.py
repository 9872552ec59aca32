"""Data sets of lm-evaluation-harness that lie in the evaluation folder, for machines without a network.

A data set that the harness calls PATH (and NAME, where it has one) is read from PATH/NAME/SPLIT.jsonl (or .parquet,
.csv, compressed) below the folder, e.g. facebook/xnli/fr/validation.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calame.corpus.readers.kinds import JSON_KINDS, kind_of
from calame.evaluation.tasks.items import read_values

KINDS = (*JSON_KINDS, ".parquet", ".csv")


def local_splits(folder: Path | None, config: Mapping[str, Any]) -> dict[str, Path]:
    """The file of each split of a task's data set, where the folder holds it. config: the task's, as the harness has
    it."""
    path, name = config.get("dataset_path"), config.get("dataset_name")
    if folder is None or not isinstance(path, str):
        return {}
    place = folder / path / str(name) if name else folder / path
    files = [file for file in place.glob("*") if kind_of(file, KINDS)] if place.is_dir() else []
    return {file.name[: -len(kind_of(file, KINDS) or "")]: file for file in sorted(files)}


def local_config(splits: Mapping[str, Path]) -> dict[str, Any]:
    """What of a task's configuration changes so that it reads these files."""

    def load(**_: Any) -> dict[str, Any]:
        from datasets import Dataset

        return {split: Dataset.from_list([values for _, values in read_values(file)]) for split, file in splits.items()}

    return {"custom_dataset": load, "dataset_kwargs": None}
