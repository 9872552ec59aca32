"""The tasks of a folder: MANIFEST.json, or MANIFEST.yaml, says which of its files are tasks and of which shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from calame.recipe.errors import refuse

NAMES = ("MANIFEST.json", "MANIFEST.yaml")
KEYS = ("file", "type", "lang", "name", "train", "context", "continuation")


@dataclass(frozen=True)
class Task:
    """A file of items. shape: its name. train: a file whose first rows are the examples; None: the file's own first
    rows. own: templates that take the place of the shape's. about: whatever else the manifest says, as the licence."""

    name: str
    shape: str
    language: str
    path: Path
    train: Path | None = None
    own: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def read_manifest(folder: Path) -> list[Task]:
    """The tasks of a folder, in the manifest's order; their files are looked at when they are asked.

    Raises `UserError` where there is no manifest, or an entry that says too little."""
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        what = "holds no manifest" if folder.is_dir() else "no such folder"
        raise refuse("evaluation.folder", f"{folder}: {what}", f"a folder with {' or '.join(NAMES)}")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise refuse(str(path), f"cannot be read: {error}", "files: [{file, type, lang}]") from None
    entries = data.get("files") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise refuse(str(path), "no list `files`", "files: [{file, type, lang}]")
    tasks = [_task(folder, entry, f"{path.name}: files[{number}]") for number, entry in enumerate(entries)]
    twice = sorted({task.name for task in tasks if sum(other.name == task.name for other in tasks) > 1})
    if twice:
        raise refuse(str(path), f"two tasks are called {', '.join(twice)}", "a name each", "name: ...")
    return tasks


def _task(folder: Path, entry: Any, where: str) -> Task:
    entry = entry if isinstance(entry, dict) else {}
    missing = [key for key in ("file", "type", "lang") if not isinstance(entry.get(key), str)]
    if missing:
        raise refuse(where, f"no {', no '.join(missing)}", "file, type and lang, each a text")
    path = folder / entry["file"]
    return Task(
        name=str(entry.get("name") or path.name.partition(".")[0]),
        shape=entry["type"],
        language=entry["lang"],
        path=path,
        train=folder / entry["train"] if entry.get("train") else None,
        own={key: str(entry[key]) for key in ("context", "continuation") if entry.get(key)},
        about={key: value for key, value in entry.items() if key not in KEYS},
    )


def task_files(folder: Path) -> list[Path]:
    """All files of a folder of tasks, local copies of data sets among them. Raises `UserError` as `read_manifest`."""
    read_manifest(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
