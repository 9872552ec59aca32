"""What is learnt of a conversation, token by token: for eyes to check."""

from __future__ import annotations

from collections.abc import Iterator

from calame.shards.rows import IGNORE
from calame.tokenizer.tokenizer import Tokenizer
from calame.tuning.encode import Example

LEARNT, READ, SPECIAL = "\x1b[30;42m", "\x1b[2m", "\x1b[30;43m"  # black on green, dim, black on yellow
OFF = "\x1b[0m"


def mask_lines(example: Example, tokenizer: Tokenizer, coloured: bool) -> Iterator[str]:
    """coloured: the text with what is learnt in green (an end token that is learnt in yellow) and the rest dim; else a
    line a token: its place, * if it is learnt, its id, its text."""
    learnt = [False, *(example.targets[:-1] != IGNORE).tolist()]  # the target at i is token i + 1
    pieces = [_piece(tokenizer, token) for token in example.tokens.tolist()]
    if not coloured:
        for place, (mark, token, piece) in enumerate(zip(learnt, example.tokens.tolist(), pieces, strict=True)):
            yield f"{place:>5} {'*' if mark else '.'} {token:>7}  {piece}"
        return
    ends = set(tokenizer.special.stops)
    line = ""
    for mark, token, piece in zip(learnt, example.tokens.tolist(), pieces, strict=True):
        colour = (SPECIAL if token in ends else LEARNT) if mark else READ
        line += f"{colour}{piece}{OFF}"
        if piece.endswith("⏎"):
            yield line
            line = ""
    if line:
        yield line


def _piece(tokenizer: Tokenizer, token: int) -> str:
    """A token's text with its line ends shown; the bytes of half a character as the vocabulary writes them."""
    text = tokenizer.decode([token], special=True)
    if "\ufffd" in text or not text:
        text = f"‹{tokenizer.engine.id_to_token(token)}›"
    return text.replace("\r", "␍").replace("\n", "⏎").replace("\t", "⇥").replace("\x1b", "␛")
