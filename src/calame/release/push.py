"""`calame push DIR`: a release to the Hugging Face hub, whole, and compared with what the hub then holds.

Everything goes through huggingface_hub (its HTTP client is httpx2); HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE are its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from calame.recipe.errors import UserError, refuse
from calame.release.manifest import MANIFEST, file_faults, files_of
from calame.release.place import GateFailed
from calame.release.verify import RECORDS, read_manifest
from calame.run.files import read_json
from calame.run.progress import say

LOGIN = "hf auth login, or export HF_TOKEN=..."


def push(folder: Path, name: str | None, public: bool) -> str:
    """Upload a release; returns its address. name: OWNER/NAME, by default that of its card.

    Raises `UserError` for what the user can mend, `GateFailed` where the folder is not what was released, or the hub
    does not hold what was sent."""
    read_manifest(folder)
    if faults := file_faults(folder):
        raise GateFailed("not pushed: the folder is not what was released:\n  " + "\n  ".join(faults))
    repository = _repository(folder, name)
    with _explained(repository):
        api = HfApi()
        stale = _stale(api, repository, set(files_of(folder)))
        api.create_repo(repository, repo_type="model", private=not public, exist_ok=True)
        seen = "public" if public else "private"
        say(f"  {repository}: {sum(1 for _ in files_of(folder))} files ({seen}, if it is new)")
        done = api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message=_message(folder), delete_patterns=stale or None
        )
        missing = list(_differences(api, repository, folder))
    if missing:
        raise GateFailed("the hub does not hold what was sent:\n  " + "\n  ".join(missing))
    say(f"  the hub holds every file as it is here; commit {done.oid[:12]}")
    return f"{api.endpoint}/{repository}"


def _repository(folder: Path, name: str | None) -> str:
    """The address on the card is where it goes: the commands on it would fail for any other."""
    about: dict[str, Any] = read_json(folder / RECORDS).get("about", {}) if (folder / RECORDS).is_file() else {}
    written, remedy = about.get("hub"), f"calame release {about.get('name', 'RUN')} card.hub={name or 'OWNER/NAME'}"
    if written is None:
        raise refuse(str(folder), "its card names no place on the hub", "card.hub=OWNER/NAME", remedy)
    if name is not None and name != written:
        raise refuse(name, f"its card, with every command on it, says {written}", written, remedy)
    return written


def _stale(api: HfApi, repository: str, ours: set[str]) -> list[str]:
    """Files of an earlier release that this one no longer has. Raises `UserError` where the repository holds something
    else than a release: nothing of the user's is ever removed."""
    try:
        there = set(api.list_repo_files(repository)) - {".gitattributes"}
    except RepositoryNotFoundError:
        return []
    others = sorted(there - ours)
    if others and MANIFEST not in there:
        named = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        raise refuse(
            repository, f"holds files that are no release of Calame ({named})", "an empty repository, or a new one"
        )
    return others


def _message(folder: Path) -> str:
    about = read_json(folder / MANIFEST)
    return f"Release {about.get('release') or ''} of {about.get('name') or folder.name}, Calame {about.get('calame')}"


def _differences(api: HfApi, repository: str, folder: Path) -> Iterator[str]:
    """Files whose content at the hub is another: by the sha256 of large ones, by git's hash of small ones."""
    names = list(files_of(folder))
    there = {one.path: one for one in api.get_paths_info(repository, names) if isinstance(one, RepoFile)}
    for name in names:
        found = there.get(name)
        if found is None:
            yield f"{name}: missing"
        elif not _same(found, folder / name):
            yield f"{name}: another content ({found.size:,} bytes)"


def _same(found: RepoFile, path: Path) -> bool:
    with path.open("rb") as file:
        if found.lfs:
            return found.lfs.sha256 == hashlib.file_digest(file, "sha256").hexdigest()
        content = file.read()
    return found.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def _explained(repository: str) -> Iterator[None]:
    """Turns what the hub answers into what the user can do about it."""
    try:
        yield
    except (UserError, GateFailed):
        raise
    except OfflineModeIsEnabled:
        raise refuse("HF_HUB_OFFLINE", "is set: nothing goes to the hub", remedy="unset it for this command") from None
    except LocalTokenNotFoundError:
        raise refuse(repository, "no token of the hub is there", remedy=LOGIN) from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        known = {401: "the hub does not accept the token", 403: "the token may not write there"}
        found = known.get(status or 0, f"the hub answered {status}: {' '.join(str(error).split())[:200]}")
        raise refuse(repository, found, remedy=LOGIN if status in known else "the same command again goes on") from None
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("httpx2", "httpcore2"):
            raise
        found = f"{constants.ENDPOINT} cannot be reached ({type(error).__name__}: {error})"
        raise refuse(repository, found, remedy="check the network; the same command again goes on") from None
