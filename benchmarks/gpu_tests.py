"""make test-gpu: every test marked gpu, then a table with the card, the versions and the commit.

Files without such tests are not opened: what they import may not be on that machine.
The commit is CALAME_COMMIT where that is given (a copied tree), else asked of git. docs/gpu.md keeps
the last table.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Exit code of pytest; 2 where there is no CUDA device, so that nothing passes by being skipped."""
    if not torch.cuda.is_available():
        print("error: no CUDA device here; make test runs everything that needs none", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        start = time.time()
        # each outcome as it comes: a run that is cut has told what it knows
        command = [sys.executable, "-m", "pytest", "-vv", "-m", "gpu", "-p", "no:cacheprovider", f"--junitxml={report}"]
        command += [str(file) for file in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in file.read_text()]
        code = subprocess.run(command, cwd=ROOT).returncode
        print_table(report, time.time() - start)
    return code


def print_table(report: Path, seconds: float) -> None:
    """Every test with the outcomes of its cases and their seconds together, as Markdown."""
    print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}, Python {sys.version.split()[0]}, "
          f"commit {commit()}, {time.strftime('%Y-%m-%d')}, {seconds:.0f} s in all\n")  # fmt: skip
    cases: dict[str, list[tuple[str, float]]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        marks = {child.tag for child in case}
        outcome = "FAILED" if marks & {"failure", "error"} else "skipped" if "skipped" in marks else "passed"
        name = f"{case.get('classname', '').removeprefix('tests.')}::{case.get('name', '').partition('[')[0]}"
        cases.setdefault(name, []).append((outcome, float(case.get("time", 0))))
    print("| test | outcome | seconds |\n|---|---|---|")
    for name, found in cases.items():
        counts = Counter(outcome for outcome, _ in found)
        told = ", ".join(f"{n} {outcome}" if len(found) > 1 else outcome for outcome, n in counts.items())
        print(f"| `{name}` | {told} | {sum(seconds for _, seconds in found):.1f} |")


def commit() -> str:
    given = os.environ.get("CALAME_COMMIT")
    if given:
        return given
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except OSError:
        found = ""
    return found or "unknown"


if __name__ == "__main__":
    sys.exit(main())
