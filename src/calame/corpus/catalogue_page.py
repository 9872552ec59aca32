"""The catalogue of named sources as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from calame.corpus.fetch import recipe_lines
from calame.recipe.catalogue import KNOWN_FROM, PREFIX, READ_AS_TEXT, Entry, catalogue, find_entry
from calame.recipe.errors import refuse

TUNED = {"conversations": ("sft", "conversations"), "preferences": ("dpo", "pairs")}


def describe_sources(language: str | None = None, kind: str | None = None) -> Iterator[str]:
    """A line a source: name, kind, languages, how to get it, who named it, what it is. Raises `UserError` where none is
    in the language."""
    known = sorted({each for entry in catalogue().values() for each in entry.languages})
    if language is not None and language not in known:
        raise refuse("--language", f"no source is in {language!r}", ", ".join(known))
    for name, entry in catalogue().items():
        if (language is None or language in entry.languages) and (kind is None or kind == entry.kind):
            named = ", ".join(entry.named_by) or "-"
            about = f"{entry.kind:<13} {','.join(entry.languages):<8} {_way(entry):<11} {named:<15} {entry.title}"
            yield f"{name:<26} {about}"
    yield ""
    yield "stream: from: catalogue:NAME in a recipe; fetch: calame corpus fetch NAME --to FOLDER; -: not published"
    yield "All that is known of one: calame corpus sources NAME"


def _way(entry: Entry) -> str:
    ways = ("stream" if _streamed(entry) else "", "fetch" if entry.fetchable else "")
    return "+".join(filter(None, ways)) or "-"


def _streamed(entry: Entry) -> bool:
    return entry.kind in READ_AS_TEXT and "from" in entry.keys


def describe_entry(name: str) -> Iterator[str]:
    """All that is known of a source. Raises `UserError` for a name that is not there."""
    entry = find_entry(name, "NAME")
    place = [entry.keys.get("from") or (f"hub:{entry.hub}" if entry.hub else "")]
    place += [item.url for item in entry.fetch] + ([f"{entry.gallica.url}/SRU"] if entry.gallica else [])
    keys = {key: value for key, value in entry.keys.items() if key not in ("from", "language", "license")}
    for label, value in (
        ("name", name),
        ("what", entry.title),
        ("kind", entry.kind),
        ("languages", ", ".join(entry.languages)),
        ("licence", entry.license),
        ("size", entry.size),
        ("where", " ".join(filter(None, place)) or "not published"),
        ("keys", ", ".join(f"{key}: {value}" for key, value in keys.items())),
        ("known", KNOWN_FROM[entry.columns]),
        ("named by", ", ".join(entry.named_by) or "none of the four systems"),
        ("provenance", entry.provenance),
    ):
        if value:
            yield f"{label:<11} {value}"
    if _streamed(entry):
        yield ""
        yield "in a recipe:"
        yield f"  corpus: {{sources: {{{name}: {{from: {PREFIX}{name}}}}}}}"
    elif entry.kind in TUNED and "from" in entry.keys:
        yield ""
        yield "in a recipe:"
        section, below = TUNED[entry.kind]
        yield f"  {section}: {{{below}: {{{name}: {{from: {PREFIX}{name}}}}}}}"
    elif entry.fetchable:
        yield ""
        yield f"calame corpus fetch {name} --to FOLDER" + (", then" if entry.kind in READ_AS_TEXT else "")
        if entry.kind in READ_AS_TEXT:
            yield from recipe_lines(name, entry, "FOLDER")
