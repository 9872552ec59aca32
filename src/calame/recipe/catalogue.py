"""Named sources: what data sets are called, where they are, in which columns, under which licence, and how we know.

The entries are data (`calame/corpus/catalogue/*.yaml`); a recipe calls one by `from: catalogue:NAME`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import Field

from calame.recipe.derived import Derived
from calame.recipe.errors import Problem, UserError, refuse
from calame.recipe.section import Section
from calame.recipe.tree import Tree

PREFIX = "catalogue:"
KNOWN_FROM = {
    "unverified": "column names not verified here (no network)",
    "system": "column names as the code of a system that reads it has them; not verified here (no network)",
    "none": "",
}
READ_AS_TEXT = ("text", "code", "parallel")
CALLED = {  # where a recipe may call an entry, and which kinds of entries are for it
    ("corpus", "sources"): READ_AS_TEXT,
    ("sft", "conversations"): ("conversations", "preferences"),  # trees of ranked messages are both
    ("dpo", "pairs"): ("preferences",),
}
USE = {"conversations": "conversations are for sft.conversations", "preferences": "preferences are for dpo.pairs"}
EITHER = {"text": "template", "template": "text"}  # of these two keys the user's takes the place of the entry's


class Download(Section):
    """One file of a source. Where `listing` is given, `{found}` in the addresses is the newest (greatest) of what
    `pattern` finds there: the names of dumps hold their date, and old ones disappear."""

    url: str
    listing: str | None = None
    pattern: str | None = Field(default=None, description="with one group: links of the listing")
    sums: str | None = Field(default=None, description="the server's list of checksums: HEX NAME a line")
    checksum: str | None = Field(default=None, description="ALGORITHM:HEX, where the catalogue knows it")


class Gallica(Section):
    """Texts of the French national library's digital collection, found by SRU queries."""

    queries: list[str]
    url: str = "https://gallica.bnf.fr"


class Entry(Section):
    """A named source. `keys` are those of a recipe's source (or of its sets to tune on), `from` among them where it can
    be streamed."""

    title: str
    kind: Literal["text", "code", "parallel", "conversations", "preferences"] = "text"
    named_by: list[Literal["klovis", "rodin", "gaperon", "1gpu-llm"]]
    languages: list[str]
    license: str
    size: str = Field(description="approximate, with who says so")
    columns: Literal["unverified", "system", "none"] = Field(
        default="unverified", description="how the column names are known; none: there are no columns"
    )
    provenance: str
    keys: dict[str, Any] = Field(default={}, description="a source's, as a recipe writes them")
    hub: str | None = Field(default=None, description="id at the hub of what is not streamed, only fetched as files")
    hub_files: str | None = Field(default=None, description="hub: pattern of the files that fetch takes")
    fetch: list[Download] = Field(default=[], description="files of the web")
    gallica: Gallica | None = None

    @property
    def hub_id(self) -> str | None:
        """Which set of the hub the files can be fetched from."""
        streamed = str(self.keys.get("from", ""))
        return self.hub or (streamed.removeprefix("hub:") if streamed.startswith("hub:") else None)

    @property
    def fetchable(self) -> bool:
        return bool(self.fetch or self.gallica or self.hub_id)


@cache
def catalogue() -> dict[str, Entry]:
    """Every entry, by name, in the order of the files."""
    entries: dict[str, Entry] = {}
    folder = resources.files("calame.corpus") / "catalogue"
    for file in sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name):
        for name, values in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            assert name not in entries, f"{name} stands twice in the catalogue"
            entries[name] = Entry.model_validate(values)
    return entries


def find_entry(name: str, where: str) -> Entry:
    """Raises `UserError` naming `where` for a name that the catalogue does not have."""
    if name in catalogue():
        return catalogue()[name]
    near = difflib.get_close_matches(name, catalogue(), n=3, cutoff=0.5) or [n for n in catalogue() if name in n][:3]
    raise refuse(
        where,
        f"no source is called {name!r} in the catalogue",
        "those of: calame corpus sources",
        f"did you mean {' or '.join(near)}?" if near else "",
    )


def fill_from_catalogue(tree: Tree) -> tuple[list[Derived], list[Problem]]:
    """Put the keys of the entries that a recipe calls by name where it calls them; the keys that it writes itself win.
    Returns what was filled in, and what is wrong."""
    filled: list[Derived] = []
    problems: list[Problem] = []
    for section, name, source in _called(tree):
        path = (*section, name)
        called = source["from"].removeprefix(PREFIX)
        try:
            entry = find_entry(called, tree.where(*path, "from"))
        except UserError as error:
            problems += error.problems
            source["from"] = "x"  # so that the other checks can still be made
            continue
        if fault := _unreadable(called, entry, CALLED[section]):
            problems.append(Problem(tree.where(*path, "from"), fault[0], remedy=fault[1]))
        keys = {key: value for key, value in entry.keys.items() if EITHER.get(key) not in source}
        if section != ("corpus", "sources"):
            keys.setdefault("license", entry.license)
        new = {key: value for key, value in keys.items() if key == "from" or key not in source}
        source |= {"from": "x", **new}
        filled += [Derived(".".join((*path, key)), value, f"{PREFIX}{called}") for key, value in new.items()]
    return filled, problems


def _called(tree: Tree) -> Iterator[tuple[tuple[str, str], str, dict[str, Any]]]:
    """(section, name, keys) of each source that calls an entry."""
    for section in CALLED:
        above = tree.data.get(section[0])
        sources = above.get(section[1]) if isinstance(above, dict) else None
        for name, source in sources.items() if isinstance(sources, dict) else ():
            if isinstance(source, dict) and str(source.get("from", "")).startswith(PREFIX):
                yield section, name, source


def _unreadable(name: str, entry: Entry, kinds: tuple[str, ...]) -> tuple[str, str] | None:
    """Why an entry cannot stand as it is where it is called, and what to do."""
    if entry.kind not in kinds:
        wanted = kinds[0] if kinds != READ_AS_TEXT else "text"
        return f"{name} holds {entry.kind}, not {wanted}", USE.get(entry.kind, "text is for corpus.sources")
    if "from" in entry.keys:
        return None
    if entry.fetchable:
        return f"{name} is not streamed", f"calame corpus fetch {name} --to FOLDER, then from: FOLDER"
    return f"{name} is not published as text that can be read: {entry.provenance}", f"calame corpus sources {name}"
