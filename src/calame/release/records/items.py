"""Single items of the evaluation that may be passed on, so that whoever receives the model can measure some again.

Only what comes with Calame: probes that are shipped, questions of the built-in world. Files of the user's own may not
be free to pass on, and stay where they are.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from calame.evaluation.probes.measure import GENERATIONS
from calame.recipe.corpus import BUILTIN
from calame.release.records.run import EVALUATION, Run

FOLDER = "evaluation"
PROBES, ANSWERS = "probes.jsonl", "answers.jsonl"


def copy_items(run: Run, records: dict[str, Any], folder: Path) -> None:
    """Copy those of the released model to `folder`/evaluation."""
    measured = records.get("evaluation", {})
    model = measured.get("model", "")
    wanted = {
        PROBES: ("probes", GENERATIONS, measured.get("probes", {}).get("from") == "shipped"),
        ANSWERS: ("exam", ANSWERS, measured.get("questions") == BUILTIN and "exam" in measured),
    }
    for name, (part, file, free) in wanted.items():
        source = run.folder(EVALUATION) / part / model / file if free else None
        if source and source.is_file():
            (folder / FOLDER).mkdir(exist_ok=True)
            shutil.copy2(source, folder / FOLDER / name)
