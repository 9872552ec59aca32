"""The files of a comparison, under 1gpu-llm's names: what each holds (docs/evaluation-selection.md)."""

from __future__ import annotations

from pydantic import Field

from calame.evaluation.records import Number, Record

COMPARISON, REPORT, NOTE = "comparison.json", "benchmark_report.md", "release_note.md"
METRICS, SCORES, SUMMARY = "benchmark_metrics.json", "benchmark_scores.json", "eval_summary.json"
MEASURED = ".measured.jsonl"
FOLDER = "comparison"  # in the folder of a run


class Chosen(Record):
    """A criterion as it was used."""

    name: str = Field(description="of the measurement")
    better: str = Field(description="lower or higher")
    matters: float = Field(description="a smaller difference is none, however sure")
    weight: float = Field(description="of a difference that matters, where criteria are weighted")


class Checkpoint(Record):
    """One that was compared."""

    name: str = Field(description="RUN/STEP")
    run: str = Field(description="name of the run")
    step: int = Field(description="of its pretraining")
    tokens: int = Field(description="that it was trained on")
    weights: str = Field(description="hash of its weights")
    tokenizer: str = Field(description="hash of its tokenizer")


class Behind(Record):
    """How far a checkpoint is behind the best one by a criterion, over the same things; greater is worse."""

    best: str = Field(description="the best checkpoint by this criterion")
    behind: Number = Field(description="the difference")
    beyond_noise: bool = Field(description="0 lies below the interval")
    told: bool = Field(description="beyond the noise, and not less than matters")


class Comparison(Record):
    """comparison.json"""

    order: str = Field(description="lexicographic or weighted")
    criteria: list[Chosen] = Field(description="in their order")
    checkpoints: list[Checkpoint] = Field(description="in the order of their names")
    ranking: list[str] = Field(description="names, the chosen one first")
    chosen: str = Field(description="the first of the ranking")
    decided_by: str | None = Field(description="the criterion that decided; null where none could")
    numbers: dict[str, dict[str, Number]] = Field(description="by checkpoint, by criterion")
    behind: dict[str, dict[str, Behind]] = Field(description="by checkpoint, by criterion; nothing of the best one")
    totals: dict[str, Number] | None = Field(description="weighted: sums of distances, in differences that matter")
    scalar_best: str | None = Field(description="the best by the first loss among the criteria; null: there is none")
    best_by: dict[str, str] = Field(description="by kind (val, behaviour, probe, eval): whom its criteria alone choose")
    words: list[str] = Field(description="the rationale, in sentences")


class Metrics(Record):
    """benchmark_metrics.json: everything that was measured, whether it is a criterion or not."""

    checkpoints: dict[str, dict[str, Number | None]] = Field(
        description="by checkpoint, by name; null where nothing could be said"
    )


class Score(Record):
    """One checkpoint's part of benchmark_scores.json."""

    rank: int = Field(description="1: chosen")
    total: float | None = Field(description="weighted: the sum; null where criteria are taken one after the other")
    distances: dict[str, float] = Field(description="behind the best by each criterion, in differences that matter")


class Scores(Record):
    """benchmark_scores.json"""

    order: str = Field(description="lexicographic or weighted")
    scores: dict[str, Score] = Field(description="by checkpoint, the chosen one first")


class Summary(Record):
    """eval_summary.json: the chosen checkpoint."""

    checkpoint: Checkpoint = Field(description="which one")
    rank: int = Field(description="1: chosen")
    among: int = Field(description="checkpoints that were compared")
    criteria: list[str] = Field(description="their names, in their order")
    metrics: dict[str, Number | None] = Field(description="everything that was measured of it")
    words: list[str] = Field(description="the rationale, in sentences")
