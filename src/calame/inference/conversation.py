"""What was said so far, and how much of it the model still sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from calame.recipe.errors import refuse
from calame.run.files import write_json_lines
from calame.tokenizer.policy import ASSISTANT, SYSTEM, USER
from calame.tokenizer.tokenizer import Tokenizer

SHARE = 4  # at least one position in so many is kept for the answer, or as many as it may take


@dataclass
class Conversation:
    """Messages by turns, the user's first, and a system message before them. A question may be without answer yet."""

    system: str | None = None
    messages: list[dict[str, str]] = field(default_factory=list)

    def ask(self, text: str) -> None:
        """The user's next message; it takes the place of one that was never answered."""
        self.drop()
        self.messages.append({"role": USER, "content": text})

    def answer(self, text: str) -> None:
        """What the assistant said. Nothing at all leaves the question without answer."""
        if text.strip():
            self.messages.append({"role": ASSISTANT, "content": text})

    def drop(self) -> None:
        """Forget a question that has no answer."""
        if self.waiting:
            self.messages.pop()

    def take_back(self) -> bool:
        """Forget the last answer, so that it can be given again. False where nothing was asked yet."""
        if self.messages and not self.waiting:
            self.messages.pop()
        return self.waiting

    @property
    def waiting(self) -> bool:
        """The last message has no answer."""
        return bool(self.messages) and self.messages[-1]["role"] == USER

    def whole(self, first: int = 0) -> list[dict[str, str]]:
        """The messages from number `first` on, after the system message."""
        return [*([{"role": SYSTEM, "content": self.system}] if self.system else []), *self.messages[first:]]

    def prompt(self, tokenizer: Tokenizer, context: int, limit: int) -> tuple[list[int], int]:
        """The ids that ask for the next answer, and how many of the oldest exchanges they leave out, so that `limit`
        tokens, or a quarter of the context, are left for it. Ids that fill the context all the same are the caller's
        to refuse."""
        room, first = context - min(limit, context // SHARE), 0
        while len(ids := tokenizer.chat(self.whole(first))) > room and first + 2 < len(self.messages):
            first += 2
        return ids, first // 2

    def save(self, path: Path, model: str, decoding: str) -> None:
        """A line of JSON whose `messages` tuning reads. Raises `UserError` for a file that is there already."""
        if path.exists():
            raise refuse(str(path), "is there already", "a new file", "another name")
        write_json_lines(path, [{"messages": self.whole(), "model": model, "decoding": decoding}])
