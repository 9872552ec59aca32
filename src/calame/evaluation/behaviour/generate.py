"""Have a model go on after prompts, and judge each generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.behaviour.verdict import Verdict, judge
from calame.inference.generate import Completion, Sampling, complete
from calame.inference.load import Loaded


@dataclass(frozen=True)
class Generation:
    """What a model made of a prompt."""

    prompt: Prompt
    completion: Completion
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """A line of behaviour_generations.jsonl (docs/evaluation-behaviour.md)."""
        said = {"text": self.completion.text, "tokens": len(self.completion.ids), "stopped": self.completion.stopped}
        verdict = asdict(self.verdict)
        verdict["in_tokens"], verdict["in_words"] = verdict.pop("tokens"), verdict.pop("words")
        verdict["said_in"] = verdict.pop("language")
        return {
            "prompt": self.prompt.text,
            "language": self.prompt.language,
            "kind": self.prompt.kind,
            **said,
            **verdict,
        }


@dataclass(frozen=True)
class LeftOut:
    """A prompt that could not be continued, and why."""

    prompt: Prompt
    reason: str


def generate(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    chat: bool = False,
    done: Callable[[int], object] = lambda prompts: None,
) -> tuple[list[Generation], list[LeftOut]]:
    """Continue the prompts, or with `chat` have the assistant answer them, each in a conversation of its own.

    Prompts that leave no position free in the model's context are left out, with the reason. `done` is told how many
    more have been continued."""
    room, tokenizer = loaded.model.config.max_position_embeddings, loaded.tokenizer
    asked: list[tuple[Prompt, list[int]]] = []
    left_out = []
    for prompt in prompts:
        turn = [{"role": "user", "content": prompt.text}]
        ids = tokenizer.chat(turn) if chat else tokenizer.prompt(prompt.text)
        if len(ids) < room:
            asked.append((prompt, ids))
        else:
            reason = f"{len(ids)} tokens, and the model's context of {room} must hold one more"
            left_out.append(LeftOut(prompt, reason))
    said = complete(loaded, [ids for _, ids in asked], sampling, done=done) if asked else []
    pairs = zip(asked, said, strict=True)
    return [Generation(prompt, completion, judge(completion)) for (prompt, _), completion in pairs], left_out
