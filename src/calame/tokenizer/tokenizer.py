"""One interface for every tokenizer: `tokenizer.json` run by the `tokenizers` library, and what we say about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from calame.recipe.errors import refuse
from calame.run.files import digest, read_json, write_json
from calame.tokenizer.policy import ASSISTANT, CHATML, ChatFormat, SpecialIds

FILE, ABOUT = "tokenizer.json", "about.json"
BYTE = re.compile("<0x[0-9A-F]{2}>")


class Tokenizer:
    """Text to ids and back. `about` says its kind, special ids, and how it came to be."""

    def __init__(self, engine: tokenizers.Tokenizer, about: Mapping[str, Any]):
        self.engine, self.about = engine, dict(about)
        self.engine.encode_special_tokens = True  # a user who types <|im_end|> has typed ten characters, no more
        self.engine.no_padding()
        self.engine.no_truncation()
        self.special = SpecialIds(**self.about["special"])
        self.chat_format = ChatFormat(**self.about["chat"]) if "chat" in self.about else CHATML
        # Written once: the JSON of one and the same tokenizer may gain a field with a later version of the library.
        policy = ["no bos"] if self.about.get("bos") == "none" else []
        policy += [self.about["chat"]] if "chat" in self.about else []
        self.about.setdefault("hash", digest([self.engine.to_str(), self.about["special"], *policy]))

    @staticmethod
    def load(folder: Path) -> Tokenizer:
        return Tokenizer(tokenizers.Tokenizer.from_file(str(folder / FILE)), read_json(folder / ABOUT))

    def without_bos(self) -> Tokenizer:
        """The same tokenizer under the policy that nothing begins with BOS: another one to shards and checkpoints."""
        return Tokenizer(self.engine, {key: self.about[key] for key in self.about if key != "hash"} | {"bos": "none"})

    @property
    def beginning(self) -> list[int]:
        """What stands before a document, a prompt or a conversation: BOS, or nothing by its policy."""
        return [] if self.about.get("bos") == "none" else [self.special.bos]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.engine.save(str(folder / FILE))
        write_json(folder / ABOUT, self.about)

    @cached_property
    def size(self) -> int:
        """Rows that an embedding needs: the greatest id + 1, which in adopted tokenizers may exceed the entries."""
        return max(self.engine.get_vocab(with_added_tokens=True).values()) + 1

    @property
    def hash(self) -> str:
        """Identity of the tokenizer: shards and checkpoints carry it, and refuse another one."""
        return self.about["hash"]

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without any special token."""
        return self.engine.encode(text, add_special_tokens=False).ids

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` for many texts at once, on all cores."""
        return [encoding.ids for encoding in self.engine.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int], special: bool = False) -> str:
        """The text of ids; special tokens are left out unless `special`."""
        return self.engine.decode(list(ids), skip_special_tokens=not special)

    def is_byte(self, token: int) -> bool:
        """Whether an id stands for one byte of a character without an entry of its own (SentencePiece's fallback)."""
        return BYTE.fullmatch(self.engine.id_to_token(token) or "") is not None

    def first_bytes(self, token: int) -> int:
        """Bytes that an id stands for at the beginning of a text (where SentencePiece's mark of a space is none)."""
        text = self.decode([token])
        if "\ufffd" not in text:
            return len(text.encode())
        return 1 if self.is_byte(token) else len(self.engine.id_to_token(token) or "")  # a character for each byte

    def prompt(self, text: str) -> list[int]:
        """A beginning to be continued: BOS + text. Raises `UserError` if that is nothing at all."""
        ids = [*self.beginning, *self.encode(text)]
        if not ids:
            raise refuse("prompt", "empty, and nothing begins with BOS here", "at least a word")
        return ids

    def turn(self, message: Mapping[str, str]) -> tuple[list[int], list[int]]:
        """One turn of a conversation: the ids before what is said, and what is said with its end token.

        Header and content are cut as one text, as every runtime does that fills in the chat template (adopted
        tokenizers may put a mark in front of each text); a token that reaches into the content belongs to it.
        The newline after the end token belongs to the next turn's beginning (`chat`)."""
        header, content = self.chat_format.header(message["role"]), message["content"].strip()
        encoded = self._inside.encode(header + content, add_special_tokens=False)
        ids, ends = encoded.ids, [end for _, end in encoded.offsets]
        said = next((place for place, end in enumerate(ends) if end > len(header)), len(ids))
        return [self._marks[message["role"]], *ids[:said]], [*ids[said:], self.special.turn_end]

    def chat(self, messages: Sequence[Mapping[str, str]], answer_next: bool = True) -> list[int]:
        """A conversation, ready to be answered by the assistant."""
        ids = self.beginning
        for message in messages:
            start, said = self.turn(message)
            ids += start + said + self.newline
        return ids + ([self.special.turn_start, *self._opening] if answer_next else [])

    @cached_property
    def _marks(self) -> dict[str, int]:
        """The token that begins a turn, by role."""
        vocabulary = self.engine.get_vocab(with_added_tokens=True)
        return {role: vocabulary[mark] for role, mark in self.chat_format.marks.items()}

    @cached_property
    def newline(self) -> list[int]:
        return self._inside.encode("\n", add_special_tokens=False).ids

    @cached_property
    def _opening(self) -> list[int]:
        return self._inside.encode(self.chat_format.header(ASSISTANT), add_special_tokens=False).ids

    @cached_property
    def _inside(self) -> tokenizers.Tokenizer:
        """The engine for what follows a special token. Only Metaspace's scheme "first" (newer Llama tokenizers) tells
        it from the beginning of a text, which alone gets a mark of a space in front."""
        written = self.engine.to_str()
        first = '"prepend_scheme":"first"'
        if first not in written:
            return self.engine
        engine = tokenizers.Tokenizer.from_str(written.replace(first, '"prepend_scheme":"never"'))
        engine.encode_special_tokens = True
        return engine


def check_hash(found: str, tokenizer: Tokenizer, what: str) -> None:
    """Raises `UserError` when `what` (shards, a checkpoint) was made with another tokenizer."""
    if found != tokenizer.hash:
        raise refuse(
            what,
            f"made with another tokenizer ({found[:12]}, not {tokenizer.hash[:12]})",
            remedy="make it again: shards by calame run RECIPE --only shards --force, a model by a run of its own name",
        ) from None
