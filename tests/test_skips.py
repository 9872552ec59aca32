"""The check that CI ends with: a skip passes only with a reason that stands in docs/testing.md."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REPORT = '<testsuite><testcase classname="tests.a" name="test_b">{}</testcase></testsuite>'


def skips(folder: Path, case: str) -> subprocess.CompletedProcess[str]:
    """.ci/skips.py on one test report, beside the project's own docs/testing.md."""
    for name in (".reports", "docs"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "docs/testing.md", folder / "docs/testing.md")
    (folder / ".reports/test.xml").write_text(REPORT.format(case), encoding="utf-8")
    return subprocess.run([sys.executable, ROOT / ".ci/skips.py"], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("reason", ["needs CALAME_DATA", "needs a CUDA device"])
def test_a_listed_reason_passes(reason: str, tmp_path: Path) -> None:
    done = skips(tmp_path, f'<skipped message="{reason}"/>')
    assert (done.returncode, done.stdout) == (0, f"skipped: tests.a.test_b: {reason}\n")


@pytest.mark.parametrize("reason", ["", "later", "needs CALAME_DATA and luck", "make test"])
def test_any_other_fails(reason: str, tmp_path: Path) -> None:
    done = skips(tmp_path, f'<skipped message="{reason}"/>')
    assert done.returncode == 1
    assert "NOT LISTED: tests.a.test_b" in done.stdout


def test_nothing_skipped_passes(tmp_path: Path) -> None:
    assert skips(tmp_path, "").returncode == 0
