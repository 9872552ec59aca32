"""The view of what is learnt: every token, marked as the loss sees it."""

from __future__ import annotations

import re

from pytest import mark

from builders import tokenizer_of
from calame.shards.rows import IGNORE
from calame.tuning.encode import Example, encode
from calame.tuning.messages import Conversation
from calame.tuning.show_mask import LEARNT, OFF, READ, SPECIAL, mask_lines

TALK = Conversation(
    (
        {"role": "user", "content": "Où est\nla mer ? \x1b[31m"},
        {"role": "assistant", "content": "La mer chante."},
        {"role": "user", "content": "é🙂"},
        {"role": "assistant", "content": "12"},
    ),
    "a",
)
PIECE = 17  # where a token's text begins in its line


def encoded(chat: str = "chatml") -> Example:
    example = encode(TALK, tokenizer_of(chat=chat), 1000)
    assert example is not None
    return example


@mark.parametrize("chat", ("chatml", "klovis", "own"))
def test_plainly_there_is_a_line_a_token(chat: str) -> None:
    tokenizer, example = tokenizer_of(chat=chat), encoded(chat)
    lines = list(mask_lines(example, tokenizer, coloured=False))
    assert len(lines) == len(example.tokens)
    for place, line in enumerate(lines):
        number, mark_, token = line[:PIECE].split()
        assert (int(number), int(token)) == (place, example.tokens[place])
        assert (mark_ == "*") == (place > 0 and example.targets[place - 1] != IGNORE)
    learnt = [line[PIECE:] for line in lines if line[:PIECE].split()[1] == "*"]
    end = tokenizer.chat_format.end
    assert "".join(learnt) == f"La mer chante.{end}12{end}"


def test_coloured_what_is_learnt_stands_out_and_nothing_is_lost() -> None:
    text = "\n".join(mask_lines(encoded(), tokenizer_of(), coloured=True))
    green = "".join(re.findall(re.escape(LEARNT) + "(.*?)" + re.escape(OFF), text))
    assert green == "La mer chante.12"
    assert len(re.findall(re.escape(SPECIAL) + re.escape("<|im_end|>"), text)) == 2
    whole = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\n", "")
    assert whole.startswith("<s><|im_start|>user⏎Où est⏎la mer ? ␛[31m<|im_end|>⏎<|im_start|>assistant⏎La mer")
    assert text.count(READ) > 10 and "\x1b[31m" not in text, "a conversation cannot colour the screen"


def test_bytes_of_half_a_character_are_shown() -> None:
    shown = [line[PIECE:] for line in mask_lines(encoded(), tokenizer_of(), coloured=False)]
    assert not any("\ufffd" in piece for piece in shown)
    assert any(piece.startswith("‹") for piece in shown)
