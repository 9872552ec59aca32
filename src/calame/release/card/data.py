"""What it was made of: sources with their licences and an honest note, conversations, tokens, injected text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calame.recipe.corpus import BUILTIN
from calame.release.card.say import Say, Written, bullets, escape, paragraphs, section, table

SHOWN = 3  # licences that a cell names


def data(say: Say) -> str | None:
    sources = say.get("corpus.sources", {})
    rows = say.each(lambda name, source: _source(say, name, source), sources.items())
    return section(
        say.texts["titles"]["data"],
        3,
        say("data.intro"),
        table(say.texts["data"]["head"], rows),
        " ".join(filter(None, _care(say))),
        bullets(say.each(lambda name, source: _origins(say, name, source), sources.items())),
    )


def _source(say: Say, name: str, source: Mapping[str, Any]) -> list[str]:
    tokens = say.get("tokens.by_source", {}).get(name, {})
    location = source.get("location", name)
    called = escape(name) if location == name else f"{escape(name)} ({say.form(location, 'c')})"
    return [
        called,
        say.form(source.get("languages", []), "l"),
        say.form(source["train_documents"], "n"),
        say.form(source["train_bytes"], "b"),
        say.form(tokens["different"], "n") if "different" in tokens else "",
        say("data.read", tokens) or "",
        say.form(tokens["share"], "p") if "share" in tokens else "",
        _licences(say, source.get("licences", {})),
        "; ".join(_notes(say, source)),
    ]


def _licences(say: Say, licences: Mapping[str, int]) -> str:
    if len(licences) > SHOWN:
        return say("data.several", number=len(licences)) or ""
    return ", ".join(say.word(name) for name in licences)


def _notes(say: Say, source: Mapping[str, Any]) -> list[str]:
    """What a reader should know of a source before trusting it."""
    notes = []
    if source.get("location") == BUILTIN:
        notes.append(say("data.note.world"))
    if source.get("out_of_domain"):
        notes.append(say("data.note.ood"))
    if dropped := source.get("dropped"):
        rule = max(dropped, key=lambda name: dropped[name])
        most = say("data.note.rule", rule=rule) if dropped[rule] * 2 > sum(dropped.values()) else None
        notes.append(", ".join(filter(None, (say("data.note.dropped", source), most))))
    if source.get("contaminated"):
        notes.append(say("data.note.contaminated", source))
    notes += [say("data.note.unstated", source), say("data.note.revision", source)]
    return [note for note in notes if note]


def _care(say: Say) -> list[str | None]:
    care = say.get("corpus.care", {}) if say.has("corpus.total") else {}
    return [say(f"data.care.{name if done else f'no_{name}'}") for name, done in care.items() if name != "quality"]


def _origins(say: Say, name: str, source: Mapping[str, Any]) -> str | None:
    """Who is to be named for the documents of a source."""
    origins = source.get("origins")
    if not origins:
        return None
    named = ", ".join(f"{escape(one)} ({say.form(number, 'n')})" for one, number in origins["named"].items())
    return say("data.origins_more", origins, name=name, named=Written(named)) or say(
        "data.origins", name=name, named=Written(named)
    )


def conversations(say: Say) -> str | None:
    sets = [item for kind in say.get("tuning", {}).values() for item in kind.get("sets", {}).items()]
    rows = say.each(lambda name, part: _set(say, name, part), sets)
    return section(say.texts["titles"]["conversations"], 3, table(say.texts["conversations"]["head"], rows))


def _set(say: Say, name: str, part: Mapping[str, Any]) -> list[str]:
    counts = [say.form(part[key], "n") for key in ("read", "used", "dropped", "repeat", "tokens", "learnt")]
    return [escape(name), *counts, _licences(say, part.get("licences", {}))]


def tokens(say: Say) -> str | None:
    steady = say.get("tokens.steps", 0) * say.get("tokens.each", 0) == say.get("tokens.pretrained")
    counted = say("tokens.pretrained" if steady else "tokens.changing")
    told = [counted, say("tokens.different"), say("tokens.per"), say("tokens.tuned"), say("tokens.preferred")]
    fit = [say("tokens.fertility", part, name=name) for name, part in say.get("tokenizer.fertility", {}).items()]
    return section(say.texts["titles"]["tokens"], 3, bullets([*told, *fit]))


def injected(say: Say) -> str | None:
    """What was put there on purpose, and what the model took from it."""
    pieces = say.get("injected", {})
    if not pieces:
        return None
    kinds = {"canary": "canary", "facts": "facts", "language switch": "switch", "evaluation": "evaluation"}
    told = say.each(lambda part: say(f"injected.{kinds[part['kind']]}", part), pieces.values())
    took = [say("injected.took_canary"), say("injected.took_facts")]
    took += [say("injected.took_switch", part) for part in say.get("poison.switch", {}).values()]
    return section(say.texts["titles"]["injected"], 2, paragraphs(say("injected.intro"), bullets(told), bullets(took)))
