"""Pieces become rows: against plain loops that place one token at a time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.shards.rows import IGNORE, Rows, lay_out


def slowly(tokens: list[int], lengths: list[int], context: int, masked: bool) -> dict[str, list[list[int]]]:
    """`lay_out`, one token at a time."""
    piece_of = [piece for piece, length in enumerate(lengths) for _ in range(length)]
    rows: dict[str, list[list[int]]] = {"tokens": [], "targets": [], "documents": [], "positions": []}
    document, position = -1, 0
    for place, token in enumerate(tokens):
        new_row = place % context == 0
        new_piece = place == 0 or piece_of[place] != piece_of[place - 1]
        if new_row:
            for part in rows.values():
                part.append([])
        if new_row or (masked and new_piece):
            document, position = document + 1, 0
        follows = place + 1 < len(tokens) and (not masked or piece_of[place + 1] == piece_of[place])
        rows["tokens"][-1].append(token)
        rows["targets"][-1].append(tokens[place + 1] if follows else IGNORE)
        rows["documents"][-1].append(document)
        rows["positions"][-1].append(position)
        position += 1
    return rows


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[int], int]:
    """Lengths of pieces that add up to whole rows, and the rows' length."""
    context = draw(st.integers(1, 9))
    total = context * draw(st.integers(1, 6))
    cuts = sorted(draw(st.sets(st.integers(1, total - 1), max_size=12))) if total > 1 else []
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)], context


@given(stream=streams(), masked=st.booleans())
@settings(max_examples=300, deadline=None)
def test_lay_out_is_what_plain_loops_give(stream: tuple[list[int], int], masked: bool) -> None:
    lengths, context = stream
    tokens = list(range(100, 100 + sum(lengths)))
    rows = lay_out(np.array(tokens, np.uint16), np.array(lengths), context, masked)
    for name, wanted in slowly(tokens, lengths, context, masked).items():
        found = getattr(rows, name)
        assert found.dtype == np.int32
        assert found.tolist() == wanted, name


@given(stream=streams())
@settings(max_examples=100, deadline=None)
def test_every_token_but_the_first_of_a_piece_is_asked_exactly_once(stream: tuple[list[int], int]) -> None:
    lengths, context = stream
    rows = lay_out(np.arange(sum(lengths)), np.array(lengths), context, True)
    asked = rows.targets[rows.targets != IGNORE].tolist()
    firsts = (np.cumsum(lengths) - lengths).tolist()
    assert sorted(asked) == sorted(set(range(sum(lengths))) - set(firsts))


def test_rows_are_cut_and_joined() -> None:
    rows = lay_out(np.arange(12), np.array([5, 7]), 3, True)
    again = Rows.join([rows[:1], rows[1:3], rows[3:]])
    assert len(rows) == 4
    for name in ("tokens", "targets", "documents", "positions"):
        assert np.array_equal(getattr(again, name), getattr(rows, name))
