"""One policy for beginnings, ends and chat, from training to every export.

A document is BOS + text + EOS. A prompt is BOS + text. A conversation is BOS + its turns, each written as its
`ChatFormat` says, with the content stripped of outer white space.
Special tokens are single ids, reserved before training; text that merely spells one stays text.
A tokenizer may be told to begin nothing with BOS (`tokenizer.bos: none`); that is part of it, and holds everywhere too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calame.recipe.tuning import Chat

PAD, UNKNOWN, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
SYSTEM, USER, ASSISTANT, TOOL = "system", "user", "assistant", "tool"
ROLES = (SYSTEM, USER, ASSISTANT)  # what every format can write
FOLLOWS = {  # who may speak after whom; "" is the beginning
    "": (SYSTEM, USER),
    SYSTEM: (USER,),
    USER: (ASSISTANT,),
    ASSISTANT: (USER, TOOL),
    TOOL: (TOOL, ASSISTANT),
}


@dataclass(frozen=True)
class ChatFormat:
    """How a conversation is written: each turn is MARK HEADER CONTENT END and a newline.

    name: chatml, klovis or own. marks: the special token that begins a turn, by role. end: the one that ends it.
    named: whether the header is the role's name and a newline, where roles share a mark; else it is the newline alone.
    Training, `template` (Jinja, for Hugging Face and GGUF) and what other runtimes are given all follow from this.
    """

    name: str
    marks: Mapping[str, str]
    end: str
    named: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.marks)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The special tokens, each once: those that begin turns, and the end."""
        return (*dict.fromkeys(self.marks.values()), self.end)

    def header(self, role: str) -> str:
        """The plain text between a turn's mark and its content."""
        return f"{role}\n" if self.named else "\n"

    def text(self, messages: Sequence[Mapping[str, str]], answer_next: bool, bos: str = BOS) -> str:
        """A conversation as one string with its special tokens spelled out, for people and for tests."""
        for message in messages:
            role, content = message["role"], message["content"].strip()
            bos += f"{self.marks[role]}{self.header(role)}{content}{self.end}\n"
        return bos + (f"{self.marks[ASSISTANT]}{self.header(ASSISTANT)}" if answer_next else "")

    def template(self, bos: bool = True) -> str:
        """The same text for every runtime that fills in Jinja templates itself. bos: whether it begins with one."""
        mark = f"'{self.marks[USER]}' + message['role']" if self.named else f"{dict(self.marks)}[message['role']]"
        turn = f"{mark} + '\\n' + message['content'] | trim + '{self.end}' + '\\n'"
        opening = self.marks[ASSISTANT] + self.header(ASSISTANT).replace("\n", "\\n")
        return (
            ("{{ bos_token }}" if bos else "")
            + "{% for message in messages %}{{ " + turn + " }}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '" + opening + "' }}{% endif %}"
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "marks": dict(self.marks), "end": self.end, "named": self.named}


CHATML = ChatFormat("chatml", dict.fromkeys((*ROLES, TOOL), TURN_START), TURN_END, named=True)  # OpenAI 2023
KLOVIS = ChatFormat("klovis", {role: f"<|{role}|>" for role in ROLES}, "<|end|>")  # github.com/eric-houzelle/mini-gpt
CHAT_TEMPLATE = CHATML.template()


def chat_format(keys: Chat | None) -> ChatFormat:
    """The format that a recipe's `tokenizer.chat` (as checked) means."""
    if keys is None or keys.format != "own":
        return KLOVIS if keys is not None and keys.format == "klovis" else CHATML
    marks = {role: getattr(keys, role) for role in ROLES}
    assert keys.end is not None and None not in marks.values()
    return ChatFormat("own", marks, keys.end)


def special_tokens(chat: ChatFormat = CHATML) -> tuple[str, ...]:
    """What has the first ids, in this order, in every tokenizer trained here."""
    return (PAD, UNKNOWN, BOS, EOS, *chat.tokens)


SPECIAL = special_tokens()  # those of ChatML, ids 0 to 5


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the tokens that the policy uses. `pad` is only ever masked. `turn_start` begins what the assistant says,
    `turn_end` ends every turn."""

    pad: int
    bos: int
    eos: int
    turn_start: int
    turn_end: int

    @property
    def stops(self) -> tuple[int, ...]:
        """Ids at which generation ends."""
        return (self.eos, self.turn_end)


def chat_text(messages: Sequence[Mapping[str, str]], answer_next: bool) -> str:
    """`ChatFormat.text` of ChatML."""
    return CHATML.text(messages, answer_next)
