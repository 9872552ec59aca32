"""A finished toy run, made once, of which each test gets a copy of its own."""

import contextlib
import shutil

import pytest

from calame.cli import main
from support import Toy


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    Toy(folder).recipe()
    with contextlib.chdir(folder):
        assert main(["run", "toy.yaml"]) == 0
    return folder


@pytest.fixture
def finished(finished_once, tmp_path, monkeypatch) -> Toy:
    """The toy with its road walked to the end, in the current folder."""
    shutil.copytree(finished_once, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    return Toy(tmp_path / "copy", documents=None)
