"""Text as it comes, token by token: no half characters, and nothing of what ends it."""

from __future__ import annotations

from collections.abc import Sequence

from calame.tokenizer.tokenizer import Tokenizer


class TextStream:
    """The text of ids that come one at a time. `add` and `finish` give what may be shown; joined, it is the whole text,
    cut before that of `stops` that is complete first, wherever tokens are cut. `stopped`: one of those was found.

    A character is held back until all its bytes are there, and so is what may become a stop string. A run of single
    bytes is read as a whole: one that is wrong spoils those before it, so none is shown before the run's end.
    """

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str] = ()):
        self.tokenizer, self.stops = tokenizer, [stop for stop in stops if stop]
        self.ids: list[int] = []  # from the last whole one on: those before it change nothing
        self.base = 0  # so many characters of theirs are in `held` or shown
        self.held = ""  # whole, but perhaps the beginning of a stop string
        self.stopped = False

    def add(self, token: int) -> str:
        """What may be shown now."""
        self.ids.append(token)
        text = self.tokenizer.decode(self.ids)
        if text.endswith("\ufffd") or self.tokenizer.is_byte(token) or len(text) < self.base:
            return ""
        self.held += text[self.base :]
        self.base = len(text)
        alone = self.tokenizer.decode([token])
        if alone and "\ufffd" not in alone:
            self.ids, self.base = [token], len(alone)
        return self._release(self._ending())

    def finish(self) -> str:
        """What was still held back."""
        self.held += self.tokenizer.decode(self.ids)[self.base :]
        self.ids, self.base = [], 0
        return self._release(0)

    def _release(self, keep: int) -> str:
        """All of `held` but its last `keep` characters, or up to a stop string."""
        found = [(place + len(stop), place) for stop in self.stops if (place := self.held.find(stop)) >= 0]
        if self.stopped or found:
            shown = "" if self.stopped else self.held[: min(found)[1]]
            self.stopped, self.held = True, ""
            return shown
        end = len(self.held) - keep
        shown, self.held = self.held[:end], self.held[end:]
        return shown

    def _ending(self) -> int:
        """Characters at the end of `held` that begin a stop string."""
        return max((n for stop in self.stops for n in range(1, len(stop)) if self.held.endswith(stop[:n])), default=0)
