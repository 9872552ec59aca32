"""The built wheel, away from the clone: the program with its recipes, and nothing that only the clone has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that holds the wheel's content; what it depends on comes from the environment of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    copy = folder / "source"  # a build leaves folders beside its source
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (source := ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(source.read_bytes())
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(copy)], check=True)
    (wheel,) = folder.glob("calame-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def calame(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "120"}
    command = [sys.executable, "-m", "calame", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_wheel_works_outside_the_clone_with_the_recipes_in_it(installed: Path, tmp_path: Path) -> None:
    where = "import calame, pathlib; print(pathlib.Path(calame.__file__).parent)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    found = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert Path(found.stdout.strip()) == installed / "calame"
    listed = calame(installed, "recipes", cwd=tmp_path).stdout
    assert {path.stem for path in (ROOT / "src/calame/recipes").glob("*.yaml")} == {
        line.split()[0] for line in listed.splitlines()
    }
    small = ["pretrain.tokens=20k", "corpus.sources.monde.size=100kB", "sft.conversations.monde.size=100kB"]
    small += ["tokenizer.vocabulary=1k", "sft.epochs=0.1", "evaluation.require={}", "model.num_hidden_layers=1"]
    done = calame(installed, "run", "petit-monde", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "runs/petit-monde/report.html").is_file()
