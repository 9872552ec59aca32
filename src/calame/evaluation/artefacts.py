"""Files of the stage evaluation that this room's own modules write: what each holds (docs/evaluation-artefacts.md)."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from calame.evaluation.records import Number, Record


class Rate(Record):
    """Numbers of a slice, or of several together."""

    loss: Number = Field(description="nats a token, ends of documents included; `n` documents")
    perplexity: Number = Field(description="exp(loss)")
    bpb: Number = Field(description="bits a byte, ends of documents left out")
    documents: int = Field(description="that were read")
    tokens: int = Field(description="that were asked for")


class MixedRate(Rate):
    """`mixed`"""

    weights: dict[str, float] | str = Field(description="of each slice; `micro`: all tokens alike")


class SliceRate(Rate):
    """One slice."""

    bytes: int = Field(description="of the text that was asked for, UTF-8")
    hash: str = Field(description="of exactly which documents; the one of validation.json in the corpus")
    ood: bool = Field(description="its source is never trained on; it is in neither mixed nor micro")


class SourceLosses(Record):
    """benchmark_source_losses.json"""

    model: str = Field(description="pretrained, tuned, preferred")
    checkpoint: str = Field(description="its folder")
    step: int | None = Field(description="of its training; null of a model from elsewhere")
    trained_tokens: int | None = Field(description="of that training; null of a model from elsewhere")
    context: int = Field(description="tokens of a window")
    stride: int = Field(description="tokens from one window to the next")
    bos: str = Field(description="how documents begin")
    vocabulary: int = Field(description="entries that the next token is one of")
    mixed: MixedRate = Field(description="the slices' mean by weight")
    micro: Rate = Field(description="over all tokens alike")
    slices: dict[str, SliceRate] = Field(description="by name, LANGUAGE-SOURCE, ood- before it where out of domain")


class ExamAnswer(Record):
    """A line of answers.jsonl"""

    question: str = Field(description="as it was asked")
    value: str = Field(description="that is expected")
    candidates: list[str] = Field(description="values that may be said; another one beside the expected one is wrong")
    kind: str = Field(description="of question")
    relation: str = Field(description="what it asks for; baselines are by relation")
    language: str = Field(description="of the question")
    answer: str = Field(description="what the model said")
    stopped: bool = Field(description="it ended by itself")
    right: bool = Field(description="it names the value and no other candidate")


class Evaluation(Record):
    """evaluation.json; other keys are measurements, each by model (poison and training: once for all)."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    models: dict[str, str] = Field(description="the checkpoint that each model's name stands for; the last is released")
    seconds: dict[str, dict[str, float]] = Field(description="by measurement and model; `all`: made once for all")
    not_measured: dict[str, dict[str, str]] = Field(description="the reason, by measurement and model")


class Selected(Record):
    """selected.json"""

    rule: str = Field(description="as the recipe's `select` has it")
    checkpoint: str = Field(description="its folder in pretrain/checkpoints")
    step: int = Field(description="of pretraining")
    tokens: int = Field(description="that it was trained on")
    rationale: str = Field(description="why, in words")
