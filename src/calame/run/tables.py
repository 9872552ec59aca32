"""Tables: of the report, as HTML, and of the terminal, as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

NUMBER = re.compile(r"[-\d.,:%±\[\]()]*\d[-\d.,:%±\[\]()]*[kMBT]?|[kMGT]?B|±|min|s|h|of|kWh|about")  # and units


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table; columns of numbers already written as text stand to the right, from the second column on."""
    lines = [[str(cell) for cell in row] for row in rows]
    if not lines:
        return ""
    right = [n > 0 and all(_is_number(row[n]) for row in lines if n < len(row)) for n in range(len(head))]

    def cells(tag: str, row: Sequence[str]) -> str:
        named = zip(row, right, strict=False)
        return "".join(f"<{tag}{' class=n' if to_right else ''}>{escape(cell)}</{tag}>" for cell, to_right in named)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in lines)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>"


def _is_number(cell: str) -> bool:
    return all(NUMBER.fullmatch(word) for word in cell.split())


def text_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A line a row, columns as wide as they must be; the first to the left, the others to the right. No rows: no
    lines."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    return [
        "  " + "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in (head, *cells)
    ]
