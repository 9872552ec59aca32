"""Answers in OpenAI's form, whole or by chunks, for conversations and for plain texts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from calame.inference.engine import Piece
from calame.inference.request import Logprob, Request
from calame.inference.server.wire import Asked, ChatAsked
from calame.tokenizer.tokenizer import Tokenizer

LEAST = -9999.0  # stands for a logprob of minus infinity, which JSON has not


@dataclass
class Answer:
    """One answer on its way out. `finish`: stop, or length where a limit (of tokens, context or time) ended it."""

    asked: Asked
    request: Request
    tokenizer: Tokenizer
    finish: str | None = None
    text: str = ""
    offset: int = 0  # characters of the tokens whose logprobs were told
    identity: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def chat(self) -> bool:
        return isinstance(self.asked, ChatAsked)

    def take(self, piece: Piece) -> None:
        self.text += piece.text
        self.finish = "length" if piece.finish == "cancelled" else piece.finish

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        logprobs = self._logprobs(self.request.said, self.request.logprobs)
        told = {"message": {"role": "assistant", "content": self.text}} if self.chat else {"text": self.text}
        choice = {"index": 0, **told, "logprobs": logprobs, "finish_reason": self.finish}
        return {**self._head(""), "choices": [choice], "usage": self._usage()}

    def first(self) -> Iterator[dict[str, Any]]:
        """Chunks before the first piece."""
        if self.chat:
            yield self._chunk("", None, None, {"role": "assistant"})

    def chunks(self, piece: Piece) -> Iterator[dict[str, Any]]:
        """A piece's chunks; after the last one's, the end with its reason and, where asked for, the usage."""
        self.take(piece)
        ids = [token for token in piece.ids if token not in self.request.stop_ids]
        logprobs = self._logprobs(ids, piece.logprobs)
        if piece.text or (logprobs and ids):
            yield self._chunk(piece.text, logprobs, None)
        if self.finish is not None:
            yield self._chunk("", None, self.finish)
            if (options := self.asked.stream_options) and options.include_usage:
                yield {**self._head(".chunk"), "choices": [], "usage": self._usage()}

    def _head(self, kind: str) -> dict[str, Any]:
        prefix, name = ("chatcmpl", f"chat.completion{kind}") if self.chat else ("cmpl", "text_completion")
        return {
            "id": f"{prefix}-{self.identity}",
            "object": name,
            "created": self.created,
            "model": self.asked.model,
        }

    def _chunk(
        self, text: str, logprobs: Any, finish: str | None, more: dict[str, str] | None = None
    ) -> dict[str, Any]:
        ended = finish is not None
        told = {"delta": {} if ended else {**(more or {}), "content": text}} if self.chat else {"text": text}
        choice = {"index": 0, **told, "logprobs": logprobs, "finish_reason": finish}
        return {**self._head(".chunk"), "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        """Tokens that were read and said, the one that ended the answer among them."""
        read, said = len(self.request.prompt), len(self.request.ids)
        return {"prompt_tokens": read, "completion_tokens": said, "total_tokens": read + said}

    def _logprobs(self, ids: Sequence[int], found: Sequence[Logprob]) -> dict[str, Any] | None:
        if self.request.top is None:
            return None
        pairs = list(zip(ids, found, strict=False))
        return self._of_chat(pairs) if self.chat else self._of_text(pairs)

    def _of_chat(self, pairs: Sequence[tuple[int, Logprob]]) -> dict[str, Any]:
        content = []
        for token, logprob in pairs:
            top = [self._token(other, value) for other, value in logprob.top.items()]
            content.append({**self._token(token, logprob.chosen), "top_logprobs": top})
        return {"content": content}

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        text = token_text(self.tokenizer, token)
        part = "\ufffd" in text  # of a character: its bytes are not known here
        return {"token": text, "logprob": max(logprob, LEAST), "bytes": None if part else list(text.encode())}

    def _of_text(self, pairs: Sequence[tuple[int, Logprob]]) -> dict[str, Any]:
        tokens = [token_text(self.tokenizer, token) for token, _ in pairs]
        offsets = []
        for token in tokens:
            offsets.append(self.offset)
            self.offset += len(token)
        return {
            "tokens": tokens,
            "token_logprobs": [max(logprob.chosen, LEAST) for _, logprob in pairs],
            "top_logprobs": [
                {token_text(self.tokenizer, other): max(value, LEAST) for other, value in logprob.top.items()}
                for _, logprob in pairs
            ],
            "text_offset": offsets,
        }


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """A token as it stands inside a text, where SentencePiece's mark is a space; special ones are spelt out."""
    inside = tokenizer.decode([*tokenizer.newline, token], special=True)
    return inside.removeprefix(tokenizer.decode(tokenizer.newline))
