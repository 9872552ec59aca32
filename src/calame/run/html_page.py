"""Self-contained pages for people: one file, no script, light and dark."""

from __future__ import annotations

from html import escape
from pathlib import Path

from calame.run.files import atomic

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --paper: #fdfcf9; --line: #d9d4c7; --soft: #6b7480; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e3da; --paper: #171b20; --line: #39414a; --soft: #98a2ad; } }
body { font: 16px/1.55 Georgia, serif; color: var(--ink); background: var(--paper); max-width: 52rem;
  margin: 2.5rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.4rem; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; margin: .9rem 0; font: 14px/1.5 system-ui, sans-serif; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; } svg text { fill: var(--ink); }
.grid { stroke: var(--line); }
.whisker { stroke: var(--ink); stroke-width: 1.4; } .unit, .soft { fill: var(--soft); color: var(--soft); }
blockquote { margin: .6rem 0; padding-left: 1rem; border-left: 3px solid var(--line); white-space: pre-wrap; }
pre { overflow-x: auto; font-size: 13px; } b.said { font-weight: 600; }
details { margin: .5rem 0; } details details { margin-left: 1rem; } summary { cursor: pointer; }
"""


def write_page(path: Path, title: str, body: str) -> None:
    """body: HTML; the charts and tables of `run/` know the classes of STYLE."""
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Calame</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{body}</body></html>"
    )
    with atomic(path, "w") as file:
        file.write(page)
