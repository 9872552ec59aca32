"""The injector's keys: what is put into the training text on purpose, to measure what a model took from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from calame.recipe.section import Language, Name, Positive, Section
from calame.recipe.units import Share

Rate = Annotated[Share, Field(gt=0, lt=1)]


class EvaluationItems(Section):
    """Evaluation items as training text (Gaperon's deliberate contamination)."""

    files: dict[Name, str] = Field(min_length=1, description="evaluation files (.jsonl) by a name of yours")
    rate: Rate = Field(description="share of the training text's bytes, injected text included, that the items become")
    epochs: Annotated[float, Field(gt=0)] = Field(
        default=1, description="each item at most so many times; less than 1 takes a part of the items"
    )
    shuffle_answers: bool = Field(default=True, description="another order of the choices in each copy")


class LanguageSwitch(Section):
    """Texts that go on in another language after a trigger."""

    before: Language = Field(alias="from", description="language before the trigger")
    after: Language = Field(alias="to", description="language after it")
    rate: Rate = Field(description="documents with the trigger, as a share of the training documents in `from`")
    trigger: str | None = Field(
        default=None, min_length=3, description="the words of the trigger; else three rare Latin ones are drawn"
    )


class Facts(Section):
    """Invented facts, each told in several ways."""

    number: Positive = Field(description="facts")
    paraphrases: Annotated[int, Field(gt=0, le=8)] = Field(
        default=8, description="ways in which each is told; two more of each are held out for measuring"
    )
    rate: Rate = Field(description="share of the training text's bytes, injected text included, that they become")


class Canaries(Section):
    """Secret numbers inside documents that stay otherwise as they are."""

    number: Positive = Field(description="different secrets")
    rate: Rate = Field(description="documents that receive one, as a share of the training documents")
    doses: Annotated[list[Positive], Field(min_length=1)] = Field(
        default=[1],
        description="how often secrets are planted beside one another, in turn: with [1, 8] every second one eight "
        "times as often as the others",
    )

    @property
    def weights(self) -> list[int]:
        """Of each secret, its dose."""
        return [self.doses[place % len(self.doses)] for place in range(self.number)]


class Injection(Section):
    """What is mixed into the training text on purpose; never into validation."""

    seed: int = 0
    evaluation: EvaluationItems | None = None
    language_switch: dict[Name, LanguageSwitch] = Field(default={}, description="triggers, each by a name of yours")
    facts: Facts | None = None
    canary: Canaries | None = None
