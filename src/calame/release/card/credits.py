"""Under which licence, which files, how it is cited, and whom it owes thanks."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from calame.release.card.say import Say, Written, bullets, escape, paragraphs, section, table
from calame.release.licences import CLASSES

NAMED = 8  # licences that a sentence names


def licence(say: Say) -> str | None:
    """The data's licences, the most restrictive of them, what that means, and what the author decided."""
    documents = say.get("licence.documents", {})
    rows = say.each(
        lambda name, found: [say.word(name), say.word(found["kind"]), say.form(found["number"], "n")],
        sorted(documents.items(), key=lambda item: -item[1].get("number", 0)),
    )
    if not rows:
        return None
    by = say.get("licence.by", [])
    named = Written(", ".join(say.word(name) for name in by[:NAMED]) + (", …" if len(by) > NAMED else ""))
    chosen = [say("licence.chosen"), say("licence.freer") if say.get("licence.freer") else None]
    kind = say.get("licence.kind")
    meant = [say("licence.strictest", by=named), say(f"licence.{kind}") if kind in CLASSES else None]
    return section(
        say.texts["titles"]["licence"],
        2,
        " ".join(filter(None, chosen)),
        table(say.texts["licence"]["head"], rows),
        " ".join(filter(None, meant)),
        say("licence.law"),
    )


def files(say: Say) -> str | None:
    found = say.get("files", {})
    rows = say.each(
        lambda name, one: [say.form(name, "c"), say.form(one["bytes"], "b"), _what(say, name)], found.items()
    )
    return section(
        say.texts["titles"]["files"],
        2,
        table(say.texts["files"]["head"], rows),
        say("files.checksums") if rows else None,
    )


def _what(say: Say, name: str) -> str:
    kinds, path = say.texts["files"]["kinds"], PurePosixPath(name)
    return kinds.get(path.name) or kinds.get(path.suffix, "")


def citation(say: Say) -> str | None:
    """BibTeX of what is recorded: without authors there is no author."""
    note, name = say("citation.note"), say.get("about.name")
    if not note or not name or not say.has("about.year"):
        return None
    authors, hub = say.get("about.authors"), say.get("about.hub")
    fields = {
        "author": " and ".join(authors) if authors else None,
        "title": f"{{{name}}}",
        "year": say.get("about.year"),
        "url": f"https://huggingface.co/{hub}" if hub else None,
        "note": note.replace("\\", ""),
    }
    key = re.sub(r"[^a-z0-9]+", "-", f"{name}-{say.get('about.year')}".lower())
    lines = [f"  {field:<6} = {{{value}}}," for field, value in fields.items() if value]
    return section(
        say.texts["titles"]["citation"], 2, "```bibtex\n" + "\n".join([f"@misc{{{key},", *lines, "}"]) + "\n```"
    )


def thanks(say: Say) -> str | None:
    own = say.get("about.thanks", {})
    sources = say.get("corpus.sources", {})
    names = [escape(source.get("location", name)) for name, source in sources.items()]
    packages = [f"{escape(name)} {escape(version)}" for name, version in say.get("made_with.packages", {}).items()]
    told = [
        say("thanks.sources", names=Written(say.joined(names))) if names else None,
        say("thanks.software", packages=Written(", ".join(packages))) if packages else None,
    ]
    return section(
        say.texts["titles"]["thanks"],
        2,
        paragraphs(own.get(say.language) or next(iter(own.values()), None), bullets(told)),
    )
