"""The files of a decoding search, under 1gpu-llm's names: what each holds (docs/evaluation-selection.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from calame.evaluation.records import Number, Record

SUMMARY, REPORT, RECOMMENDED = "decoding_summary.json", "decoding_report.md", "recommended_decoding_params.json"
JOURNAL = ".tried.jsonl"
LEADERBOARD, GENERATIONS = "{half}_leaderboard.csv", "{half}_generations.jsonl"
NUMBERS = ("value", "low", "high")
FOLDER, FOLDER_OF_BASE = "decoding", "decoding-base"  # in the folder of a run


def recommended_file(run: Path, base: bool = False) -> Path:
    """Where a run's recommendation stands: of what is released, or of the pretrained model."""
    return run / (FOLDER_OF_BASE if base else FOLDER) / RECOMMENDED


class Parameters(Record):
    """A setting of the sampler, under Calame's names (`calame generate --help`)."""

    temperature: float = Field(description="0: always the likeliest")
    top_k: int = Field(description="of the so many likeliest; 0: of all")
    top_p: float = Field(description="of the likeliest with this much of the probability")
    min_p: float = Field(description="least share of the likeliest's probability")
    repetition_penalty: float = Field(description="1: none")
    no_repeat_ngram: int = Field(description="0: any n-gram may come again")


class Entry(Record):
    """A setting with what was measured of it."""

    name: str = Field(description="of the setting, as t0.8 k50 p0.95")
    parameters: Parameters = Field(description="of the setting")
    score: Number | None = Field(description="weighted sum of the numbers")
    behind: Number | None = Field(description="how much better the first one's score is, over the same prompts")
    within_noise: bool = Field(description="0 lies in the interval of `behind`")
    numbers: dict[str, Number | None] = Field(description="every rate; null where nothing could be said")


class Summary(Record):
    """decoding_summary.json"""

    model: str = Field(description="checkpoint, or folder")
    weights: str = Field(description="hash of its weights")
    method: str = Field(description="random or grid, with the seed and the number of settings drawn")
    space: dict[str, list[float]] = Field(description="values that were combined")
    tried: int = Field(description="settings, the presets among them")
    objective: dict[str, float] = Field(description="weight of each rate in the score")
    reference: dict[str, float] = Field(description="by language: nats a token of validation text; empty: not known")
    words_known: int = Field(description="of the training text; 0: not known")
    prompts: dict[str, dict[str, int]] = Field(description="tuning, holdout: prompts by language")
    left_out: list[str] = Field(description="prompts behind which the generations have no room")
    limit: int = Field(description="most new tokens")
    seed: int = Field(description="of the draws of tokens")
    chat: bool = Field(description="prompts were messages to be answered")
    tuning: list[Entry] = Field(description="every setting on the tuning prompts, the best first")
    roles: dict[str, str] = Field(description="winner, runner-up, default, winner without penalties: names of settings")
    holdout: list[Entry] = Field(description="these on the holdout prompts, the best first")
    recommended: str = Field(description="name of the setting")
    confirmed: bool = Field(description="the winner on the tuning prompts is the one recommended")
    words: list[str] = Field(description="the result in sentences")


class Recommended(Record):
    """recommended_decoding_params.json"""

    name: str = Field(description="of the setting")
    parameters: Parameters = Field(description="under Calame's names")
    transformers: dict[str, Any] = Field(description="the same as generation_config.json of a release has them")
    model: str = Field(description="checkpoint, or folder")
    weights: str = Field(description="hash of the weights; for others nothing is recommended")
    confirmed: bool = Field(description="it won on the tuning prompts too")
    words: list[str] = Field(description="why, in sentences")
    holdout_prompts: int = Field(description="how many")
    holdout: dict[str, Number | None] = Field(description="rates on the holdout prompts, distinct_2 pooled among them")


class Said(Record):
    """A line of tuning_generations.jsonl and holdout_generations.jsonl."""

    setting: str = Field(description="name of the setting")
    prompt: str = Field(description="beginning that was continued")
    language: str = Field(description="of the prompt")
    kind: str = Field(description="of the prompt")
    text: str = Field(description="what the model went on with")
    tokens: int = Field(description="that are new")
    stopped: bool = Field(description="it ended by itself")
    nats: float | None = Field(description="a token, under the model as it is; null of nothing")
    loop_period: int = Field(description="tokens; 0: no loop at its end")
    repeated_4gram: bool = Field(description="some four tokens stand in it twice")
    said_language: str = Field(description="as detected; empty: cannot be said")
