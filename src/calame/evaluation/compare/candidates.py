"""Checkpoints that are compared: found by the names of runs and steps, and whether they may be compared at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from calame.evaluation.identity import weights_of
from calame.evaluation.spoken import stages_of
from calame.inference.load import run_folder
from calame.recipe.criteria import Criteria
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.load import written_recipe
from calame.recipe.schema import Recipe
from calame.run import checkpoint

STEP = re.compile(r"^(?:step-)?(\d+)$")


@dataclass(frozen=True)
class Candidate:
    """A checkpoint of a run's pretraining. `stages`: folders of the stages that the run has made, by name."""

    run: str
    step: int
    tokens: int
    folder: Path
    weights: str
    tokenizer: str  # its hash
    recipe: Recipe
    stages: Mapping[str, Path]

    @property
    def name(self) -> str:
        return f"{self.run}/{self.step}"

    @property
    def home(self) -> Path:
        """The run's folder."""
        return self.folder.parents[2]  # of HOME/pretrain/checkpoints/STEP


def find_candidates(named: Sequence[str], runs: str) -> list[Candidate]:
    """The checkpoints that RUN or RUN/STEP stand for, each once, in their order. Raises `UserError` for all names that
    are none."""
    found: dict[str, Candidate] = {}
    problems: list[Problem] = []
    for name in named:
        try:
            found |= {str(one.folder.resolve()): one for one in _named(name, runs)}
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return list(found.values())


def _named(name: str, runs: str) -> list[Candidate]:
    run, _, step = name.rstrip("/").rpartition("/")
    if run and STEP.match(step) and not is_run(run_folder(name, runs)):
        folder, wanted = run_folder(run, runs), int(STEP.match(step)[1])  # type: ignore[index]
    else:
        folder, wanted = run_folder(name, runs), None
    if not is_run(folder):
        raise refuse(name, "is no run", "RUN or RUN/STEP: a run's name or folder, and a step of it")
    kept = checkpoint.steps(folder / "pretrain" / "checkpoints")
    chosen = [path for path in kept if wanted is None or int(path.name.split("-")[1]) == wanted]
    whole = [path for path in chosen if checkpoint.damage(path) is None]
    if not whole:
        there = ", ".join(str(int(path.name.split("-")[1])) for path in kept) or "none at all"
        what = "has no whole checkpoint" if chosen or wanted is None else f"has no step {wanted}"
        raise refuse(name, what, there, "execution.keep and execution.keep_every say which are kept")
    return [candidate_of(path, folder.name, stages_of(folder)) for path in whole]


def is_run(folder: Path) -> bool:
    return (folder / "recipe.yaml").is_file()


def candidate_of(path: Path, run: str, stages: Mapping[str, Path]) -> Candidate:
    state = checkpoint.read_state(path)
    progress = state["progress"]
    return Candidate(
        run=run,
        step=progress["step"],
        tokens=progress["position"],
        folder=path,
        weights=weights_of(path),
        tokenizer=state["tokenizer"],
        recipe=written_recipe(state["recipe"], str(path)),
        stages=stages,
    )


def check_comparable(candidates: Sequence[Candidate], criteria: Criteria) -> None:
    """Raises `UserError` where a criterion counts tokens and the candidates' tokens are not the same ones."""
    if len({candidate.tokenizer for candidate in candidates}) < 2:
        return
    counted = [c.name for c in criteria.criteria if c.kind != "eval" and not c.name.endswith("/bpb")]
    if counted:
        runs = ", ".join(sorted({candidate.run for candidate in candidates}))
        raise refuse(
            "--criteria",
            f"{', '.join(counted)}: the tokenizers of {runs} differ, and what counts tokens cannot be compared",
            "bits per byte (val/SLICE/bpb), benchmarks (eval/TASK)",
        )
