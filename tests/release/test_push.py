"""A release goes to the hub whole, and comes back as it was: against a hub of our own, on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from huggingface_hub import constants
from pytest import MonkeyPatch, TempPathFactory, fixture, mark

from calame.cli import main
from calame.release.manifest import file_faults, files_of
from released import release_of
from support import environment
from web import Asked, Reply, web

REPOSITORY = "lune/conteur"


@dataclass
class Hub:
    """Speaks as much of the hub's protocol as an upload needs: repositories, preupload, LFS, commits, trees."""

    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    repository: dict[str, object] | None = None
    commits: list[dict[str, object]] = field(default_factory=list)
    lose: str = ""  # a file that a commit forgets
    status: int = 200

    def __call__(self, asked: Asked) -> Reply:
        path = asked.path.partition("?")[0]
        if self.status != 200:
            return Reply(b'{"error": "no"}', self.status)
        if path == "/api/repos/create":
            self.repository = asked.json
            return told({"url": f"http://{asked.headers['host']}/{REPOSITORY}", "id": REPOSITORY})
        if path == "/api/validate-yaml":
            return told({"errors": [], "warnings": []})
        if path.startswith("/blob/"):
            self.blobs[path.removeprefix("/blob/")] = asked.body
            return Reply(headers={"ETag": '"x"'})
        if self.repository is None:
            return Reply(b'{"error": "Repository not found"}', 404, {"X-Error-Code": "RepoNotFound"})
        if "/preupload/" in path:
            return told({"files": [{"path": one["path"], **mode(one["path"])} for one in asked.json["files"]]})
        if path.endswith("/objects/batch"):
            at = f"http://{asked.headers['host']}/blob/"
            objects = [
                {"oid": one["oid"], "size": one["size"], "actions": {"upload": {"href": at + one["oid"]}}}
                for one in asked.json["objects"]
            ]
            return told({"transfer": "basic", "objects": objects})
        if "/commit/" in path:
            return self._commit(asked)
        if "/paths-info/" in path:
            return told([self._entry(name) for name in parse_qs(asked.body.decode())["paths"] if name in self.files])
        if "/tree/" in path:
            return told([self._entry(name) for name in self.files])
        if re.match(r"/api/models/", path):
            return told({"id": REPOSITORY, "sha": "c" * 40, "siblings": [{"rfilename": name} for name in self.files]})
        return Reply(b"{}", 404)

    def _commit(self, asked: Asked) -> Reply:
        for line in asked.body.decode().splitlines():
            step = json.loads(line)
            value = step["value"]
            if step["key"] == "header":
                self.commits.append(value)
            elif step["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif step["key"] == "lfsFile":
                self.files[value["path"]] = self.blobs[value["oid"]]
            elif step["key"] == "deletedFile":
                del self.files[value["path"]]
        self.files.pop(self.lose, None)
        at = f"http://{asked.headers['host']}"
        return told({"success": True, "commitOid": "c" * 40, "commitUrl": f"{at}/{REPOSITORY}/commit/c"})

    def _entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_hash(content)}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry


def told(value: object) -> Reply:
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def mode(path: str) -> dict[str, object]:
    return {"shouldIgnore": False, "uploadMode": "lfs" if path.endswith(".safetensors") else "regular"}


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@fixture(scope="module")
def released(tmp_path_factory: TempPathFactory) -> Path:
    return release_of(tmp_path_factory.mktemp("released") / "conteur")


@fixture
def at(monkeypatch: MonkeyPatch) -> Callable[[str], None]:
    """Makes the hub's client speak to an address, as its environment variables do at the start of a program."""

    def settle(url: str, offline: bool = False) -> None:
        values = {"ENDPOINT": url, "HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_XET": True}
        for name, value in values.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setenv("HF_TOKEN", "hf_x")

    return settle


def test_what_is_pushed_comes_back_and_verifies(released: Path, tmp_path: Path, at: Any, capsys: Any) -> None:
    hub = Hub()
    with web(hub) as site:
        at(site.url)
        assert main(["push", str(released)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"{site.url}/{REPOSITORY}" and "the hub holds every file as it is here" in said
    assert hub.repository is not None and hub.repository["visibility"] == "private"
    assert set(hub.files) == set(files_of(released)) and len(hub.commits) == 1
    for name, content in hub.files.items():
        (tmp_path / "back" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "back" / name).write_bytes(content)
    assert file_faults(tmp_path / "back") == []


def test_a_second_release_takes_the_place_of_the_first(released: Path, at: Any, capsys: Any) -> None:
    hub = Hub(files={"manifest.json": b"{}", "old.bin": b"old", ".gitattributes": b"x"}, repository={})
    hub.lose = "config.json"
    with web(hub) as site:
        at(site.url)
        assert main(["push", str(released), REPOSITORY, "--public"]) == 1
    assert "config.json: missing" in capsys.readouterr().err, "what the hub lost is named"
    assert "old.bin" not in hub.files and ".gitattributes" in hub.files


def test_what_is_not_pushed(released: Path, tmp_path: Path, at: Any, capsys: Any) -> None:
    """Files of others in the repository, another address, a token that is none, changed files: and nothing is sent."""
    folder = Path(shutil.copytree(released, tmp_path / "conteur"))
    hub = Hub(files={"thesis.pdf": b"mine"}, repository={})

    def refused(*arguments: str, code: int = 2) -> str:
        assert main(["push", *arguments]) == code
        return capsys.readouterr().err

    with web(hub) as site:
        at(site.url)
        assert "holds files that are no release of Calame (thesis.pdf)" in refused(str(folder))
        assert "its card, with every command on it, says lune/conteur" in refused(str(folder), "other/name")
        hub.status = 401
        assert "does not accept the token" in refused(str(folder))
        at(site.url, offline=True)
        assert "HF_HUB_OFFLINE: is set" in refused(str(folder))
        (folder / "README.md").write_text("x")
        assert "README.md: " in refused(str(folder), code=1)
    assert "has no manifest.json" in refused(str(tmp_path))
    assert hub.files == {"thesis.pdf": b"mine"} and not hub.commits


@mark.slow
def test_as_a_user_would_run_it(released: Path) -> None:
    """The program itself, told by the environment where the hub is, and where none is (its client tries again)."""
    settings = {"HF_TOKEN": "hf_x", "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0", "HF_HOME": str(released.parent)}

    def push(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "calame", "push", str(released)]
        return subprocess.run(
            command, env=environment(HF_ENDPOINT=url, **settings), capture_output=True, text=True, check=False
        )

    with web(Hub()) as site:
        done = push(site.url)
    assert done.returncode == 0, done.stderr
    done = push("http://127.0.0.1:9")
    assert done.returncode == 2 and "cannot be reached" in done.stderr and "Traceback" not in done.stderr
