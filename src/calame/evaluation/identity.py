"""Which weights a measurement was made of: a hash that any later step can hold its model against."""

from __future__ import annotations

from pathlib import Path

from calame.recipe.errors import refuse
from calame.run import checkpoint
from calame.run.files import digest, file_digest, read_json


def weights_of(folder: Path) -> str:
    """A hash of the weights in a checkpoint, or in a Hugging Face folder, as 64 hexadecimal digits; without loading."""
    if (folder / checkpoint.MANIFEST).is_file():
        files = read_json(folder / checkpoint.MANIFEST)["files"]
        return digest([file["sha256"] for name, file in sorted(files.items()) if checkpoint.group_of(name) == "model"])
    files = sorted(folder.glob(f"*{checkpoint.TENSORS}"))
    if not files:
        raise refuse(str(folder), "no weights in it", "a checkpoint, or a Hugging Face folder")
    return digest([[path.name, file_digest(path)] for path in files])
