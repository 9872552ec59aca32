"""The checkpoint format: safetensors files and a JSON manifest with their hashes. Nothing is ever unpickled.

A checkpoint is a folder `step-00000500/` that appears whole: it is written under a temporary name, flushed, read back
against its hashes, and renamed. Loading takes the newest one whose hashes hold; a bad one is named and passed over.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calame.recipe.errors import refuse
from calame.run.files import digest, explain_full_disk, file_digest, read_json, write_json
from calame.run.progress import say

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.json"
FORMAT = 1
STEP = re.compile(r"^step-(\d{8})$")
TENSORS = ".safetensors"
LARGEST = 1 << 30  # bytes of a file, but for a single tensor that is larger
AT_ONCE = 8  # files that are written, hashed and read back: 15 GB take seconds, not minutes


def save(root: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
    """Write `root/step-XXXXXXXX`: safetensors files of each group of tensors, and `state` (JSON) in the manifest.

    One process saves to a `root` at a time; what an earlier one was killed over is removed.
    """
    final = root / f"step-{step:08d}"
    temporary = root / f".{final.name}.tmp"
    for left in root.glob(".step-*.tmp"):
        shutil.rmtree(left)
    temporary.mkdir(parents=True)
    try:
        with explain_full_disk(root):
            parts = dict(_parts(tensors))
            with ThreadPoolExecutor(AT_ONCE) as pool:
                hashes = pool.map(lambda name: _write(temporary / name, parts[name]), parts)
                files = {
                    name: {
                        "sha256": sha256,
                        "bytes": (temporary / name).stat().st_size,
                        "tensors": _describe(parts[name]),
                    }
                    for name, sha256 in zip(parts, hashes, strict=True)
                }
            manifest = {"format": FORMAT, "step": step, "state": dict(state), "files": files}
            write_json(temporary / MANIFEST, {**manifest, "sha256": digest(manifest)})
            _verify(temporary)
            if final.is_dir():  # of the same step, and damaged or of an older attempt
                _remove(final)
            temporary.rename(final)
            _flush(root)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return final


def _parts(tensors: Mapping[str, Mapping[str, Tensor]]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """(file name, tensors): GROUP.safetensors, or GROUP-0001.safetensors and so on where a group is large."""
    for group, content in tensors.items():
        parts: list[dict[str, Tensor]] = [{}]
        room = LARGEST
        for name, tensor in content.items():
            if parts[-1] and tensor.nbytes > room:
                parts.append({})
                room = LARGEST
            parts[-1][name] = tensor
            room -= tensor.nbytes
        for number, part in enumerate(parts, 1):
            yield f"{group}{TENSORS}" if len(parts) == 1 else f"{group}-{number:04d}{TENSORS}", part


def group_of(file: str) -> str:
    """The group whose tensors a file of a checkpoint holds."""
    return file.removesuffix(TENSORS).split("-")[0]


def _write(path: Path, content: Mapping[str, Tensor]) -> str:
    """The hash of what was written, on the disk."""
    from safetensors.torch import save_file

    save_file({name: tensor.detach().contiguous().cpu() for name, tensor in content.items()}, path)
    _flush(path)
    return file_digest(path)


def steps(root: Path) -> list[Path]:
    """The checkpoints of a folder, oldest first, valid or not."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if STEP.match(path.name))


def newest_valid(root: Path, read: bool = True, set_aside: bool = False) -> Path | None:
    """The newest checkpoint whose files are what its manifest says; without `read`, they only need to be there and as
    long. set_aside: newer ones that are damaged get another name, so that whoever goes on does not count them among
    the newest."""
    for folder in reversed(steps(root)):
        if (fault := damage(folder, read)) is None:
            return folder
        aside = folder.with_name(f"{folder.name}.damaged")
        if set_aside:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
        say(f"  checkpoint {folder.name} is passed over{f', and is {aside.name} now' if set_aside else ''}: {fault}")
    return None


def damage(folder: Path, read: bool = True) -> str | None:
    """What is wrong with a checkpoint, or None."""
    try:
        _verify(folder, read)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def load(folder: Path, verified: bool = False) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors by group, on the CPU, and the state of a checkpoint. Raises `UserError` if it is damaged.

    verified: it was read against its hashes a moment ago (`newest_valid`)."""
    from safetensors.torch import load_file

    if not verified and (fault := damage(folder)) is not None:
        raise refuse(str(folder), f"not a whole checkpoint: {fault}", remedy="take an earlier one")
    manifest = read_json(folder / MANIFEST)
    tensors: dict[str, dict[str, Tensor]] = {}
    for name in manifest["files"]:
        tensors.setdefault(group_of(name), {}).update(load_file(folder / name))
    return tensors, manifest["state"]


def read_state(folder: Path) -> dict[str, Any]:
    """The JSON state of a checkpoint alone."""
    return read_json(folder / MANIFEST)["state"]


def amend(folder: Path, **changes: Any) -> None:
    """Change entries of a checkpoint's state (None: take one out); it is valid at every moment."""
    manifest = _read_manifest(folder)
    state = manifest["state"] | changes
    manifest["state"] = {name: value for name, value in state.items() if name not in changes or value is not None}
    write_json(folder / MANIFEST, {**manifest, "sha256": digest(manifest)})


def keep_newest(root: Path, number: int, also: set[str]) -> None:
    """Remove all but the newest `number` checkpoints and those named in `also`."""
    for folder in steps(root)[:-number]:
        if folder.name not in also:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Under another name first: a kill in the middle must not leave half a checkpoint that looks like one."""
    leaving = folder.with_name(f".{folder.name}.old.tmp")
    folder.rename(leaving)
    shutil.rmtree(leaving)


def _verify(folder: Path, read: bool = True) -> None:
    """Raises `ValueError` or `OSError` saying which file is not as it was written, the manifest itself included."""
    files = _read_manifest(folder)["files"]
    for name in files:
        if not name.endswith(TENSORS):
            raise ValueError(f"{name} is none of the files that a checkpoint holds")
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        size = (folder / name).stat().st_size
        if size != files[name].get("bytes", size):
            raise ValueError(f"{name} does not have the content that was written ({size:,} bytes)")
    if not read:
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: file_digest(folder / name), files))
    for (name, content), sha256 in zip(files.items(), found, strict=True):
        if sha256 != content["sha256"]:
            size = (folder / name).stat().st_size
            raise ValueError(f"{name} does not have the content that was written ({size:,} bytes)")


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{MANIFEST} is missing")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise ValueError(f"{MANIFEST} is not whole: {error}") from None
    if not isinstance(manifest, dict):
        raise ValueError(f"{MANIFEST} is not that of a checkpoint")
    if manifest.get("format") != FORMAT:
        raise ValueError(f"format {manifest.get('format')!r}, this version reads {FORMAT}")
    if manifest.pop("sha256", None) != digest(manifest):
        raise ValueError(f"{MANIFEST} does not have the content that was written")
    return manifest


def _describe(tensors: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    return {name: [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for name, tensor in tensors.items()}


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
