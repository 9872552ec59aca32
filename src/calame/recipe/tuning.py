"""Keys of tuning: how conversations are written, where they and preferences come from, and what is learnt of them."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from calame.recipe.optimizer import Optimizer, Schedule
from calame.recipe.section import MARK, Name, Positive, PositiveTokens, Section
from calame.recipe.units import Bytes, Share

Mark = Annotated[str, StringConstraints(pattern=MARK)]
Map = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MAPS: tuple[Map, ...] = get_args(Map)


class Chat(Section):
    """How a conversation is written: special tokens that begin and end each turn, reserved before the training."""

    format: Literal["chatml", "klovis", "own"] = Field(
        default="chatml",
        description="chatml: <|im_start|>ROLE, <|im_end|>; klovis: <|system|>, <|user|>, <|assistant|>, <|end|>; "
        "own: the four marks below",
    )
    system: Mark | None = Field(default=None, description="own: begins what the system says")
    user: Mark | None = Field(default=None, description="own: begins what the user says")
    assistant: Mark | None = Field(default=None, description="own: begins what the assistant says")
    end: Mark | None = Field(default=None, description="own: ends every turn; generation stops at it")


class RowSet(Section):
    """A set of rows to tune on, and which of them."""

    location: str = Field(
        alias="from", description="a file, folder, pattern, hub:ID, catalogue:NAME or builtin:petit-monde"
    )
    include: dict[str, list[str]] = Field(
        default={}, description="column: values; only rows with one of these values in it"
    )
    exclude: dict[str, list[str]] = Field(
        default={}, description="column: values; no rows with one of these values in it"
    )
    limit: Positive | None = Field(default=None, description="at most so many that can be used, from the beginning")
    license: str | None = Field(default=None, description="licence of the set; else the column license")
    subset: str | None = Field(default=None, description="hub: configuration name")
    split: str = Field(default="train", description="hub: split")
    revision: str | None = Field(default=None, description="hub: commit")
    size: Bytes | None = Field(default=None, description="builtin: as the corpus source of the same world")
    seed: int | None = Field(default=None, description="builtin: seed of the world (default: the recipe's seed)")


class Words(Section):
    """How long an answer may be."""

    least: Positive | None = Field(default=None, description="words of the shortest answer")
    most: Positive | None = Field(default=None, description="words of the longest answer")


class Conversations(RowSet):
    """A set of conversations, of whatever columns."""

    location: str = Field(
        alias="from", description="a file, folder, pattern, hub:ID, catalogue:NAME, builtin:petit-monde or own-text"
    )
    format: Literal["messages", "alpaca", "flat", "seed-tasks", "choices", "tree"] | None = Field(
        default=None, description="what the rows are (docs/tuning.md); derived: found out from their columns"
    )
    user: str | None = Field(default=None, description="flat: column of the question")
    assistant: str | None = Field(default=None, description="flat: column of the answer")
    answers: Words = Field(default=Words(), description="conversations with a shorter or longer answer are left out")
    tools: Literal["aside", "keep"] = Field(
        default="aside",
        description="conversations that call tools: set them aside, or keep them, calls and results not learnt",
    )
    requests: list[Literal["continue", "topic", "title"]] = Field(
        default=["continue"],
        min_length=1,
        description="own-text: what is asked for: to go on, to write about a thing, or about a title",
    )
    repeat: Positive = Field(default=1, description="how often each conversation is read in an epoch")


class Pairs(RowSet):
    """A set of preferences: a prompt, an answer that is chosen and one that is rejected."""

    format: Literal["prompt", "dialogues", "outputs", "messages", "tree"] | None = Field(
        default=None, description="what the rows are (docs/tuning.md); derived: found out from their columns"
    )


class Lora(Section):
    """Low-rank adapters (Hu et al. 2021): W + alpha / rank x B A, of which A and B alone are learnt."""

    rank: Positive = 16
    alpha: Annotated[float, Field(gt=0)] | None = Field(default=None, description="derived: twice the rank")
    targets: list[Map] = Field(default=list(MAPS), min_length=1, description="maps of every block that get one")


class Sft(Section):
    """Chat tuning: the same loop on conversations, where only what the assistant says is learnt."""

    name: Name = "chat"
    conversations: dict[Name, Conversations] = Field(min_length=1)
    epochs: Annotated[float, Field(gt=0)] = 1.0
    batch: PositiveTokens | None = Field(default=None, description="derived: pretrain.batch")
    context: Positive | None = Field(default=None, description="derived: pretrain.context")
    replay: Annotated[Share, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="share of the rows that go on reading the pretraining text, so that it is not forgotten",
    )
    lora: Lora | None = Field(default=None, description="learn adapters alone; left out: all weights")
    optimizer: Optimizer | None = Field(
        default=None, description="derived: pretrain's, at a tenth of its rate, no decay; with lora AdamW at its rate"
    )
    schedule: Schedule = Schedule(final=0.0)
    clip: Annotated[float, Field(gt=0)] = 1.0


class Dpo(Section):
    """Preference optimisation: the same loop on pairs of answers, from the tuned model where there is one."""

    name: Name = "chat"
    pairs: dict[Name, Pairs] = Field(min_length=1)
    loss: Literal["dpo", "simpo"] = Field(
        default="dpo",
        description="dpo: against the frozen model that it begins from (Rafailov et al. 2023); simpo: mean "
        "log-probabilities and a margin, without a reference (Meng et al. 2024)",
    )
    beta: Annotated[float, Field(gt=0)] | None = Field(default=None, description="derived: 0.1; simpo: 2")
    margin: Annotated[float, Field(ge=0)] | None = Field(default=None, description="simpo: derived: half of beta")
    held_out: Annotated[Share, Field(gt=0, lt=1)] = Field(
        default=0.1, description="share of the prompts whose pairs are never learnt, to measure with"
    )
    epochs: Annotated[float, Field(gt=0)] = 1.0
    context: Positive | None = Field(
        default=None, description="tokens of the longest prompt with its answer; derived: sft.context, pretrain.context"
    )
    batch: PositiveTokens | None = Field(
        default=None, description="whole rows of twice the context; derived: about sft.batch or pretrain.batch"
    )
    optimizer: Optimizer | None = Field(
        default=None, description="derived: pretrain's, at a hundredth of its rate, no decay"
    )
    schedule: Schedule = Schedule(final=0.0)
    clip: Annotated[float, Field(gt=0)] = 1.0
