"""A talk with a model in a terminal: what was said, and the next answer, which Ctrl-C stops."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from calame.inference.conversation import Conversation
from calame.inference.engine import Engine
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.terminal import Terminal
from calame.inference.text import TextStream


@dataclass
class Talk:
    """A talk: what was said, and how the next answer is drawn."""

    engine: Engine
    sampling: Sampling
    texts: Mapping[str, str]
    terminal: Terminal
    conversation: Conversation = field(default_factory=Conversation)
    answers: int = 0  # so far; each is drawn with other numbers
    forgotten: int = 0  # oldest exchanges that the last answer did not see

    def text(self, key: str, **values: object) -> str:
        return self.texts[key].format(**values)

    def read(self) -> str | None:
        """What the user says next; None when the input ends. Ctrl-C throws away what was typed."""
        while True:
            try:
                return self.terminal.read()
            except KeyboardInterrupt:
                self.terminal.note("\n" + self.text("leave"))

    def answer(self) -> None:
        """Say the answer to the conversation's last message, and how it ended."""
        begin, said, finish, request = time.monotonic(), "", None, None
        try:
            if (request := self._request()) is None:
                return
            with closing(self.engine.stream(request)) as pieces:
                for piece in pieces:
                    said, finish = said + piece.text, piece.finish  # first: what is shown is remembered
                    self.terminal.write(piece.text)
        except KeyboardInterrupt:
            finish = "stopped"
        self.conversation.answer(said)
        self.answers += 1
        self.terminal.write("\n" if said else "")
        if finish == "length" and request:
            key = "limit" if len(request.ids) >= self.sampling.limit else "full"
            self.terminal.note(self.text(key, limit=self.sampling.limit, context=self.engine.size))
        elif not said.strip() or finish == "stopped":
            self.terminal.note(self.text("stopped" if finish == "stopped" else "empty"))
        if self.terminal.lively and said and request:
            tokens = len(request.ids)
            self.terminal.note(self.text("rate", tokens=tokens, rate=tokens / (time.monotonic() - begin)))

    def _request(self) -> Request | None:
        """What is asked of the engine; None, and said, where the last message does not fit."""
        loaded, context = self.engine.loaded, self.engine.size
        assert context
        ids, forgotten = self._ids(context)
        if len(ids) >= context:
            self.terminal.note(self.text("too_long", tokens=len(ids), context=context))
            self.conversation.drop()
            return None
        if forgotten > self.forgotten:
            self.terminal.note(self.text("forgotten", number=forgotten, context=context))
        self.forgotten = forgotten
        sampling = replace(self.sampling, seed=self.sampling.seed + self.answers)
        return Request.of(loaded, ids, sampling, stream=TextStream(loaded.tokenizer))

    def _ids(self, context: int) -> tuple[list[int], int]:
        """Of the conversation, and how many exchanges are left out; of the last message alone for a model that never
        learnt what a conversation is."""
        tokenizer = self.engine.loaded.tokenizer
        if self.engine.loaded.tuned:
            return self.conversation.prompt(tokenizer, context, self.sampling.limit)
        return tokenizer.prompt(self.conversation.messages[-1]["content"]), 0
