"""One policy for beginnings, ends and chat, from training to every export.

A document is BOS + text + EOS. A prompt is BOS + text. A conversation is BOS + its turns, each
`<|im_start|>ROLE\\nCONTENT<|im_end|>\\n` (ChatML, OpenAI 2023), with CONTENT stripped of outer white space.
Special tokens are single ids, reserved before training; text that merely spells one stays text.
A tokenizer may be told to begin nothing with BOS (`tokenizer.bos: none`); that is part of it, and holds everywhere too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PAD, UNKNOWN, BOS, EOS = "<pad>", "<unk>", "<s>", "</s>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
SPECIAL = (PAD, UNKNOWN, BOS, EOS, TURN_START, TURN_END)  # ids 0 to 5 in every tokenizer trained here
ROLES = ("system", "user", "assistant")

# The same text that `chat_text` builds, for every runtime that fills in Jinja templates itself.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the tokens that the policy uses. `pad` is only ever masked."""

    pad: int
    bos: int
    eos: int
    turn_start: int
    turn_end: int

    @property
    def stops(self) -> tuple[int, ...]:
        """Ids at which generation ends."""
        return (self.eos, self.turn_end)


def turn_text(message: Mapping[str, str]) -> tuple[str, str]:
    """The plain parts of a turn: the header between start token and content, and the content itself."""
    return f"{message['role']}\n", message["content"].strip()


def chat_text(messages: Sequence[Mapping[str, str]], answer_next: bool) -> str:
    """A conversation as one string with its special tokens spelled out, for people and for tests."""
    text = BOS
    for message in messages:
        header, content = turn_text(message)
        text += f"{TURN_START}{header}{content}{TURN_END}\n"
    return text + (f"{TURN_START}assistant\n" if answer_next else "")
