"""Windows: every token is asked for once, with the context that its stride promises, whatever the documents."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import mark

from calame.shards.rows import IGNORE
from calame.shards.windows import Windows, lay_out_windows

PAD = 0


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[np.ndarray], int, int]:
    """Documents whose tokens are all different, a context, a stride."""
    lengths = draw(st.lists(st.integers(1, 60), max_size=12))
    context = draw(st.integers(1, 16))
    ends = np.cumsum([1, *lengths])
    documents = [np.arange(a, b, dtype=np.uint16) for a, b in pairwise(ends.tolist())]
    return documents, context, draw(st.integers(1, context))


def asked(windows: Windows) -> list[tuple[int, int, int]]:
    """(document, token asked for, tokens of its document before it in its window)."""
    rows, found = windows.rows, []
    for row, place in zip(*np.nonzero(windows.owners >= 0), strict=True):
        before = int(rows.positions[row, place]) + 1
        inputs = rows.tokens[row, place + 1 - before : place + 1].tolist()
        target = int(rows.targets[row, place])
        assert inputs == list(range(target - before, target)), "what comes before it, in one piece"
        assert len(set(rows.documents[row, place + 1 - before : place + 1].tolist())) == 1
        found.append((int(windows.owners[row, place]), target, before))
    return found


@given(layouts())
def test_every_token_is_asked_for_once_with_enough_before_it(layout) -> None:
    documents, context, stride = layout
    found = asked(lay_out_windows(documents, context, stride, PAD))
    wanted = [(number, int(token)) for number, tokens in enumerate(documents) for token in tokens[1:]]
    assert sorted((document, token) for document, token, _ in found) == wanted
    for document, token, before in found:
        there = token - int(documents[document][0])
        assert before >= min(there, context - stride + 1)
        assert before <= context


@given(layouts())
def test_windows_see_only_themselves(layout) -> None:
    documents, context, stride = layout
    windows = lay_out_windows(documents, context, stride, PAD)
    rows = windows.rows
    assert ((windows.owners >= 0) == (rows.targets != IGNORE)).all()
    assert (rows.tokens[rows.documents == 0] == PAD).all()
    for row in range(len(windows)):
        begins = np.flatnonzero(rows.positions[row] == 0)
        changes = np.flatnonzero(np.diff(rows.documents[row], prepend=-1))
        assert begins.tolist() == changes.tolist()
    assert windows.asked == sum(len(tokens) - 1 for tokens in documents)


@mark.parametrize(
    ("length", "stride", "begins"), ((8, 4, [0]), (9, 4, [0]), (10, 4, [0, 4]), (20, 8, [0, 8, 16]), (13, 2, [0, 2, 4]))
)
def test_windows_begin_every_stride(length: int, stride: int, begins: list[int]) -> None:
    windows = lay_out_windows([np.arange(length)], 8, stride, 99)
    starts = windows.rows.tokens[(windows.rows.positions == 0) & (windows.rows.documents > 0)]
    assert sorted(starts.tolist()) == begins


def test_rows_are_filled_up_before_new_ones_are_begun() -> None:
    """Of 8 tokens to read: 7 + 1, 5 + 3, 4 + 4."""
    documents = [np.arange(n + 1) for n in (1, 3, 4, 4, 5, 7)]
    assert len(lay_out_windows(documents, 8, 8, PAD)) == 3
