"""What a release consists of: `manifest.json` with size and sha256 of every file, and SHA256SUMS for other tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calame.run.files import atomic, file_digest, read_json, write_json

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"
FORMAT = 1
FOREIGN = (".gitattributes", ".cache/")  # which the hub and its client put into a copy


def files_of(folder: Path) -> Iterator[str]:
    """Every file of a folder, by its path in it, in order; without what is the hub's own."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    yield from sorted(name for name in found if not name.startswith(FOREIGN))


def describe(folder: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_digest(folder / name)} for name in sorted(names)
    }


def write_manifest(folder: Path, about: dict[str, Any]) -> None:
    """Write both files. about: what else the manifest says."""
    described = describe(folder, [name for name in files_of(folder) if name not in (MANIFEST, SUMS)])
    write_json(folder / MANIFEST, {"format": FORMAT, **about, "files": described})
    with atomic(folder / SUMS, "w") as file:
        file.write(sums(described, file_digest(folder / MANIFEST)))


def sums(described: dict[str, dict[str, Any]], manifest: str) -> str:
    lines = {**{name: one["sha256"] for name, one in described.items()}, MANIFEST: manifest}
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(lines.items()))


def file_faults(folder: Path) -> list[str]:
    """Every file that is missing, changed, or that nobody listed, by name."""
    described: dict[str, dict[str, Any]] = read_json(folder / MANIFEST)["files"]
    there = set(files_of(folder)) - {MANIFEST, SUMS}
    faults = [f"{name}: missing" for name in sorted(described.keys() - there)]
    faults += [f"{name}: not in the manifest" for name in sorted(there - described.keys())]
    for name in sorted(described.keys() & there):
        size = (folder / name).stat().st_size
        if size != described[name]["bytes"]:
            faults.append(f"{name}: {size:,} bytes, the manifest says {described[name]['bytes']:,}")
        elif (found := file_digest(folder / name)) != described[name]["sha256"]:
            faults.append(
                f"{name}: its content changed (sha256 {found[:12]}..., not {described[name]['sha256'][:12]}...)"
            )
    if not (folder / SUMS).is_file():
        faults.append(f"{SUMS}: missing")
    elif (folder / SUMS).read_text(encoding="utf-8") != sums(described, file_digest(folder / MANIFEST)):
        faults.append(f"{SUMS}: does not say what {MANIFEST} says")
    return faults
