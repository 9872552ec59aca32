"""A table of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; cells that are numbers already written as text stand to the right from the second column on."""

    def cells(tag: str, row: Sequence[object]) -> str:
        return "".join(f"<{tag}{' class=n' if i else ''}>{escape(str(cell))}</{tag}>" for i, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>{body}</table>" if body else ""
