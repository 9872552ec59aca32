"""The files that an evaluation leaves: each is described, and holds what its description says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pytest import mark, raises

from calame.evaluation import artefacts, on_the_way
from calame.evaluation.records import Record, describe

DOCS = Path(__file__).parents[2] / "docs"
KINDS = (
    artefacts.Evaluation,
    artefacts.SourceLosses,
    artefacts.Rate,
    artefacts.MixedRate,
    artefacts.SliceRate,
    artefacts.ExamAnswer,
    artefacts.Selected,
    on_the_way.BestValidation,
    on_the_way.Point,
    on_the_way.Line,
)
PUBLISHED = (  # by 1gpu-llm, beside its weights
    "best_validation.json",
    "metrics.jsonl",
    "eval_metrics.jsonl",
    "probe_generations.jsonl",
    "eval_summary.json",
    "comparison.json",
    "benchmark_report.md",
    "benchmark_metrics.json",
    "benchmark_scores.json",
    "benchmark_source_losses.json",
    "decoding_summary.json",
    "decoding_report.md",
    "tuning_leaderboard.csv",
    "holdout_leaderboard.csv",
    "tuning_generations.jsonl",
    "holdout_generations.jsonl",
    "probe_stepN_summary.json",
    "generation_config.json",
    "recommended_decoding_params.json",
    "release_note.md",
)


@mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_is_described(kind: type[Record]) -> None:
    page = (DOCS / "evaluation-artefacts.md").read_text()
    lacking = [line for line in describe(kind) if line not in page]
    assert not lacking, "\n".join(lacking)


def test_every_file_that_1gpu_llm_publishes_has_its_place() -> None:
    page = (DOCS / "evaluation-artefacts.md").read_text()
    assert [name for name in PUBLISHED if f"`{name}`" not in page] == []


@mark.parametrize("wrong", ({"loss": float("nan")}, {"more": 1}, {"step": None}), ids=("NaN", "unknown", "missing"))
def test_what_is_not_as_described_is_not_written(wrong: dict[str, Any]) -> None:
    with raises(ValidationError):
        on_the_way.Point.model_validate({"step": 1, "tokens": 64, "loss": 1.0, "bpb": 1.0, **wrong})
