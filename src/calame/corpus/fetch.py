"""Fetch the files of a named source into a folder, from which a recipe then reads: `from: FOLDER`.

NAME.part    what is there of a file that is not whole yet; the same command goes on from there
SOURCE.json  what was fetched from where and when, with checksums, licence and provenance
"""

from __future__ import annotations

import errno
import fnmatch
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from calame.corpus.download import Sum, download, sum_in, sum_of
from calame.corpus.gallica import fetch_gallica
from calame.recipe.catalogue import Download, Entry, find_entry
from calame.recipe.errors import UserError, refuse
from calame.recipe.units import say_bytes
from calame.run.files import read_json, write_json
from calame.run.http import HttpError, Patience, fetch
from calame.run.progress import say

OLDER = 5  # of the newest in a listing, how many are tried: a dump that is being made has no files yet
PATIENCE = Patience(attempts=10)  # RODIN's number
HUB_KINDS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json.gz", ".arrow", ".csv", ".txt")


def fetch_source(
    name: str, folder: Path, match: str | None = None, most: int | None = None, patience: Patience = PATIENCE
) -> list[str]:
    """Fetch a source of the catalogue. `match` (a file name pattern) and `most` (files, or documents of Gallica) take
    less of it. Returns the lines of a recipe that read what is there. Raises `UserError`."""
    entry = find_entry(name, "NAME")
    record = _Record(folder, name, entry)
    if entry.gallica:
        fetch_gallica(entry.gallica, folder, most, patience, entry.keys.get("language"))
    elif entry.fetch:
        for item in entry.fetch[:most]:
            _fetch_file(item, folder, record, patience)
    elif entry.hub_id:
        _fetch_hub(entry.hub_id, match or entry.hub_files, most, folder, record)
    else:
        raise refuse("NAME", f"{name} is not published as files: {entry.provenance}", remedy="another source")
    return recipe_lines(name, entry, folder)


def recipe_lines(name: str, entry: Entry, folder: Path | str) -> list[str]:
    """The section of a recipe that reads the fetched folder."""
    keys = {key: value for key, value in entry.keys.items() if key not in ("from", "subset", "split", "revision")}
    written = [f"      {key}: {_scalar(value)}" for key, value in keys.items()]
    return ["corpus:", "  sources:", f"    {name}:", f"      from: {_scalar(str(folder))}", *written]


def _scalar(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True, width=10**6).removesuffix("\n").removesuffix("\n...")


class _Record:
    """SOURCE.json: by the item of the catalogue, the file that was chosen for it and whether it is whole."""

    def __init__(self, folder: Path, name: str, entry: Entry):
        self.path = folder / "SOURCE.json"
        self.data = read_json(self.path) if self.path.is_file() else {}
        if self.data.get("name", name) != name:
            raise refuse(
                "--to", f"{folder} holds {self.data['name']}, fetched before", remedy="give each source its own folder"
            )
        about = {"title": entry.title, "license": entry.license, "provenance": entry.provenance}
        self.data = {"name": name, **about, "files": self.data.get("files", {})}

    def of(self, item: str) -> dict[str, Any]:
        return self.data["files"].get(item, {})

    def note(self, item: str, **values: Any) -> None:
        self.data["files"][item] = {**self.of(item), **values}
        write_json(self.path, self.data)

    def forget(self, item: str) -> None:
        self.data["files"].pop(item, None)

    def has(self, item: str, folder: Path) -> bool:
        """Whether the file is there, whole."""
        known = self.of(item)
        path = folder / known.get("file", "?")
        return bool(known.get("done")) and path.is_file() and path.stat().st_size == known["bytes"]


def _fetch_file(item: Download, folder: Path, record: _Record, patience: Patience) -> None:
    """Fetch one file: what was begun before, or the newest that the server has. A name that is gone (404) is looked up
    again in the listing."""
    if record.has(item.url, folder):
        say(f"  {record.of(item.url)['file']}: is there")
        return
    begun = record.of(item.url).get("found")
    for found in [begun] if begun is not None else _candidates(item, patience):
        try:
            _fetch_found(item, found, folder, record, patience)
            return
        except HttpError as error:
            if error.status not in (404, 410):
                raise _gave_up(error) from None
            say(f"  {error.url}: {error.found}")
            record.forget(item.url)
    if begun is not None and item.listing:
        _fetch_file(item, folder, record, patience)
        return
    raise refuse(item.url, "no such file on the server", remedy="see the source's own page; its address has changed")


def _candidates(item: Download, patience: Patience) -> list[str]:
    """What `{found}` may stand for, the newest first; [""] where there is no listing."""
    if not item.listing or not item.pattern:
        return [""]
    try:
        page = fetch(item.listing, patience).decode("utf-8", "replace")
    except HttpError as error:
        raise _gave_up(error) from None
    links = re.findall(r"""href\s*=\s*["']([^"']+)["']""", page)
    names = {match[1] for link in links if (match := re.search(rf"(?:^|/){item.pattern}$", link))}
    if not names:
        raise refuse(item.listing, f"no link like {item.pattern}", remedy="see that page: the names have changed")
    return sorted(names, reverse=True)[:OLDER]


def _fetch_found(item: Download, found: str, folder: Path, record: _Record, patience: Patience) -> None:
    url = item.url.replace("{found}", found)
    expected = sum_of(item.checksum) if item.checksum else None
    if item.sums:
        sums = fetch(item.sums.replace("{found}", found), patience)
        expected = sum_in(sums.decode("utf-8", "replace"), url.rsplit("/", 1)[-1])
    path = folder / url.rsplit("/", 1)[-1]
    record.note(item.url, found=found, url=url, file=path.name, done=False)
    size, digest = download(url, path, expected, patience)
    _done(record, item.url, path, size, digest, expected)


def _done(record: _Record, item: str, path: Path, size: int, digest: str, expected: Sum | None) -> None:
    checked = f"{expected.algorithm} of the publisher" if expected else "size only: the publisher gives no checksum"
    record.note(item, bytes=size, sha256=digest, checked=checked, at=time.strftime("%Y-%m-%d"), done=True)
    say(f"  {path.name}: {say_bytes(size)}, checked by {checked}")


def _gave_up(error: HttpError) -> UserError:
    return refuse(error.url, error.found, remedy="check the network; the same command goes on where it stopped")


def _fetch_hub(hub_id: str, match: str | None, most: int | None, folder: Path, record: _Record) -> None:
    """The files of a set of the hub, one by one, of one commit; each checked by the checksum that the hub gives."""
    import huggingface_hub

    try:
        api = huggingface_hub.HfApi()
        commit = record.data.get("commit") or api.dataset_info(hub_id).sha
        tree = api.list_repo_tree(hub_id, _fixed_folder(match), recursive=True, revision=commit, repo_type="dataset")
        files: list[Any] = [entry for entry in tree if hasattr(entry, "size") and _wanted(entry.path, match)]
    except Exception as error:  # the library raises a dozen unrelated classes
        raise _hub_refused(hub_id, error) from None
    if not files:
        raise refuse(
            "--match", f"hub:{hub_id}: no data file like {match or 'any kind we read'}", remedy="see the set's page"
        )
    record.data["commit"] = commit
    chosen = sorted(files, key=lambda entry: entry.path)[:most]
    say(f"  hub:{hub_id} at {commit}: {len(chosen)} of {len(files)} files, {say_bytes(sum(e.size for e in chosen))}")
    for entry in chosen:
        if record.has(entry.path, folder):
            continue
        try:
            path = huggingface_hub.hf_hub_download(
                hub_id, entry.path, repo_type="dataset", revision=commit, local_dir=folder
            )
        except Exception as error:
            raise _hub_refused(hub_id, error) from None
        _check_hub(Path(path), entry, record)


def _check_hub(path: Path, entry: Any, record: _Record) -> None:
    expected = Sum("sha256", entry.lfs.sha256) if getattr(entry, "lfs", None) else None
    digest = Sum.measure(path, "sha256")
    if path.stat().st_size != entry.size or (expected and expected.digest != digest):
        path.unlink()
        raise refuse(str(path), "is not what the hub says it is; it was taken away", remedy="the same command again")
    record.note(entry.path, file=entry.path)
    _done(record, entry.path, path, entry.size, digest, expected)


def _fixed_folder(match: str | None) -> str | None:
    """The folder that a pattern names without doubt: listing it alone spares the thousands of files beside it."""
    parts: Sequence[str] = match.split("/")[:-1] if match else ()
    fixed = []
    for part in parts:
        if re.search(r"[*?\[]", part):
            break
        fixed.append(part)
    return "/".join(fixed) or None


def _wanted(path: str, match: str | None) -> bool:
    return path.endswith(HUB_KINDS) and (match is None or fnmatch.fnmatch(path, match))


def _hub_refused(hub_id: str, error: Exception) -> UserError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        found, remedy = "the disk is full", "free some space; the same command goes on, whole files are kept"
    else:
        found = " ".join(str(error).split())[:300] or type(error).__name__
        remedy = "check the name and the network; some sets want a login (hf auth login) and their terms accepted"
    return refuse(f"hub:{hub_id}", found, remedy=remedy)
