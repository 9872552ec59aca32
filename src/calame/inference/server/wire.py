"""Requests as OpenAI's interface has them, checked field by field; what would change an answer and is not to be had
here is refused, never passed over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

TOP = 20  # logprobs at a place
STOPS = 16  # stop strings


def only(*allowed: Any) -> AfterValidator:
    """For a field that some clients always send: null or one of these values."""
    told = ", ".join(map(repr, allowed)) or "null"

    def check(value: Any) -> Any:
        if value is not None and value not in allowed:
            raise PydanticCustomError("not_supported", "not supported here (allowed: {told})", {"told": told})
        return value

    return AfterValidator(check)


def one_prompt(value: Any) -> Any:
    if isinstance(value, list) and len(value) > 1 and not all(isinstance(part, int) for part in value):
        raise PydanticCustomError("not_supported", "several prompts in a request are not supported here (allowed: one)")
    return value


class Strict(BaseModel):
    """No unknown field, no number spelt as a string, no infinity."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class StreamOptions(Strict):
    include_usage: bool | None = None
    include_obfuscation: Annotated[Any, only(False)] = None


class Asked(Strict):
    """What both ways of asking have in common. Null is as if the field were not there."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    stop: str | Annotated[list[str], Field(max_length=STOPS)] | None = None
    temperature: float | None = Field(None, ge=0, le=100)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**63)
    top_k: int | None = Field(None, ge=0, lt=2**31)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float | None = Field(None, gt=0, le=100)
    no_repeat_ngram: int | None = Field(None, ge=0, le=64)
    user: str | None = None  # these three are for the provider's books, which are not kept here
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    n: Annotated[Any, only(1)] = None
    presence_penalty: Annotated[Any, only(0)] = None
    frequency_penalty: Annotated[Any, only(0)] = None
    logit_bias: Annotated[Any, only({})] = None
    service_tier: Annotated[Any, only("auto", "default")] = None

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []


class Part(Strict):
    type: Literal["text"]
    text: str


class Message(Strict):
    """role: checked later, when it is known what the model's chat format can write."""

    role: str
    content: str | list[Part]
    name: Annotated[Any, only()] = None
    refusal: Annotated[Any, only()] = None
    annotations: Annotated[Any, only([])] = None
    audio: Annotated[Any, only()] = None
    tool_calls: Annotated[Any, only([])] = None
    function_call: Annotated[Any, only()] = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class ChatAsked(Asked):
    """POST /v1/chat/completions"""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=TOP)
    tools: Annotated[Any, only([])] = None
    tool_choice: Annotated[Any, only("none", "auto")] = None
    parallel_tool_calls: Annotated[Any, only(True, False)] = None
    functions: Annotated[Any, only([])] = None
    function_call: Annotated[Any, only("none", "auto")] = None
    response_format: Annotated[Any, only({"type": "text"})] = None
    modalities: Annotated[Any, only(["text"])] = None
    audio: Annotated[Any, only()] = None
    prediction: Annotated[Any, only()] = None
    reasoning_effort: Annotated[Any, only()] = None
    web_search_options: Annotated[Any, only()] = None

    @field_validator("top_logprobs")
    @classmethod
    def _wants_logprobs(cls, value: int | None, others: ValidationInfo) -> int | None:
        if value and not others.data.get("logprobs"):
            raise PydanticCustomError("alone", "needs logprobs: true")
        return value

    @property
    def top(self) -> int | None:
        """Logprobs of so many beside each token's own are wanted, or None at all."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def most(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class TextAsked(Asked):
    """POST /v1/completions. prompt: a text, or ids of tokens, BOS among them where it is wanted; a list of one too."""

    prompt: Annotated[
        str | list[int] | Annotated[list[str], Field(min_length=1, max_length=1)], BeforeValidator(one_prompt)
    ]
    logprobs: int | None = Field(None, ge=0, le=TOP)
    best_of: Annotated[Any, only(1)] = None
    echo: Annotated[Any, only(False)] = None
    suffix: Annotated[Any, only("")] = None

    @property
    def top(self) -> int | None:
        return self.logprobs

    @property
    def most(self) -> int | None:
        return self.max_tokens
