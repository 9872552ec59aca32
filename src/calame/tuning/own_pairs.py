"""Preferences out of the model's own answers: several are drawn for each prompt, and of those with marks the best
stands against the worst. The rows are those of the format `prompt`, for dpo.pairs to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calame.inference.generate import Completion, Sampling, complete
from calame.inference.load import Loaded
from calame.run.progress import Bar
from calame.tuning.openings import Opening

SAMPLED = Sampling(temperature=0.9, top_k=50, top_p=0.95, limit=256)  # where nothing is recommended
NO_ROOM = "it leaves no room for an answer in the model's context"
ALIKE = "its answers are all alike"
NO_MARKS = "fewer than two of its answers have marks"
NOT_ENDED = "none of its answers with marks ended by itself"
NONE_WORSE = "no answer has a lower mark than the best that ended by itself"


@dataclass(frozen=True)
class Drawn:
    """The different answers to an opening, the empty one not among them, each with whether it ended by itself."""

    opening: Opening
    answers: Mapping[str, bool]


def has_room(loaded: Loaded, opening: Opening) -> bool:
    """Whether the model's context holds at least a token more."""
    return len(loaded.tokenizer.chat(opening.messages)) < loaded.model.config.max_position_embeddings


def draw(loaded: Loaded, openings: Sequence[Opening], number: int, sampling: Sampling) -> list[Drawn]:
    """So many answers to each opening; they depend on it, the seed and nothing that stands beside it."""
    asked = [ids for opening in openings for ids in [loaded.tokenizer.chat(opening.messages)] * number]
    with Bar("draw", len(asked), "answers") as bar:
        said = complete(loaded, asked, sampling, done=bar.advance)
    return [
        Drawn(opening, _different(said[place * number : (place + 1) * number]))
        for place, opening in enumerate(openings)
    ]


def _different(said: Sequence[Completion]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for one in said:
        if text := one.text.strip():
            found[text] = found.get(text, False) or one.stopped
    return found


def rank(drawn: Drawn, marks: Mapping[str, float]) -> dict[str, Any] | str:
    """A row, or why there is none. marks: higher for better, of the answers that have one. What did not end by itself
    is never chosen, whatever its mark."""
    if len(drawn.answers) < 2:
        return ALIKE
    if len(marks) < 2:
        return NO_MARKS
    ended = [text for text in marks if drawn.answers[text]]
    if not ended:
        return NOT_ENDED
    chosen, rejected = max(ended, key=marks.__getitem__), min(marks, key=marks.__getitem__)
    if marks[chosen] == marks[rejected]:
        return NONE_WORSE
    messages, language = drawn.opening.messages, drawn.opening.language
    prompt = messages[0]["content"] if len(messages) == 1 else list(messages)
    both = {"chosen": chosen, "rejected": rejected, "marks": [marks[chosen], marks[rejected]]}
    return {"prompt": prompt, **both, "language": language}
