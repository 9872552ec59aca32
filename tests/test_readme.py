"""What the two READMEs tell people to type exists; the demo is typed as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from calame.cli import main
from support import environment

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.fr.md")


def commands(readme: str) -> list[str]:
    """Every line of the shell blocks of a README, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_both_readmes_open_with_the_same_two_commands() -> None:
    for readme in READMES:
        assert commands(readme)[:2] == ["make demo", "make test"]
    assert commands(READMES[0]) == commands(READMES[1])


def test_every_command_of_the_readme_is_known(capsys) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for command in commands("README.md"):
        program, *words = command.removeprefix(".venv/bin/").split()
        if program == "make":
            assert words[0] in targets, command
        elif program == "calame":
            with pytest.raises(SystemExit) as end:
                main([words[0], "--help"])
            assert end.value.code == 0, command


def test_files_that_the_documents_link_to_are_there() -> None:
    for page in (*(ROOT / name for name in READMES), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.slow
def test_the_demo_recalls_what_stands_in_the_prose_as_a_user_would_run_it(tmp_path: Path) -> None:
    """In a world of its own: the program itself exits with 1 below its bar, or if an answer does not stop."""
    command = [sys.executable, "-m", "calame", "run", "petit-monde", "seed=31415"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    print(done.stdout[-1500:])
    report = (tmp_path / "runs/petit-monde/report.html").read_text(encoding="utf-8")
    assert "recall" in report and "shuffled" in report
    script = ROOT / "benchmarks/release_answers.py"
    asked = [sys.executable, str(script), "runs/petit-monde", "--questions", "30"]
    done = subprocess.run(asked, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, "the same answer from every program:\n" + done.stdout + done.stderr[-2000:]
