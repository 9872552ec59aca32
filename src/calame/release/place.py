"""What is exported stands whole or not at all, and nothing else of the user's is ever removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calame.recipe.errors import refuse
from calame.run.files import explain_full_disk


class GateFailed(Exception):
    """What was exported is not the model that was trained; it was not put in place. Exit code 1."""


def not_passed(faults: list[str]) -> GateFailed:
    return GateFailed("the export does not pass its gate, and was not put in place:\n  " + "\n  ".join(faults))


@contextmanager
def placing(folder: Path, mark: str) -> Iterator[Path]:
    """A new folder to be filled; it takes the place of `folder` once the block has ended without an exception.

    Raises `UserError` if there is something else than an earlier export, which is an empty folder or one with the file
    `mark` in it."""
    if folder.exists() and not (folder.is_dir() and ((folder / mark).is_file() or not any(folder.iterdir()))):
        raise refuse(
            str(folder), "is there already, and is no export", "a new folder, an empty one or an earlier export"
        )
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        with explain_full_disk(folder):
            yield temporary
        _exchange(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(temporary: Path, folder: Path) -> None:
    """The old folder goes only once the new one stands."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    temporary.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
