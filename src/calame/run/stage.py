"""A stage of the road: what it is made of gives its fingerprint, and its fingerprint is its address in the store.

A fingerprint is the hash of: the stage's name, the version of its behaviour, its own result keys of the recipe,
the content hashes of the files it reads, and the fingerprints of the stages before it. Nothing is run to know it.

A *trained* stage goes on where it was interrupted, and is only replaced by force. It may have a goal (tokens), and a
history: the goals at which the same run stood before. Asking a run for more tokens gives a stage of its own that goes
on from a copy; so what was trained is never overwritten, and runs that share a store never disturb each other.

A stage *in parts* goes on too, where a part of its work is finished: each lies whole in a folder of its own in PARTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from calame.run.files import digest

PARTS = "parts"  # folder of the finished parts of a stage that is being made; names with a dot are not finished


@dataclass(frozen=True)
class Work:
    """What a stage's maker is given: where to write, and where the stages before it lie, by name."""

    folder: Path
    before: Mapping[str, Path]


@dataclass(frozen=True)
class Stage:
    name: str
    version: int
    keys: Mapping[str, Any]
    make: Callable[[Work], None]
    files: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Stage, ...] = ()
    trained: bool = False
    goal: int | None = None
    history: tuple[int, ...] = ()
    link: str = ""  # path of the link in the run folder, where it is not the stage's name
    linked_file: str = ""  # what the link leads to inside the stage's folder, where it is not the folder itself
    in_parts: bool = False

    @cached_property
    def ingredients(self) -> dict[str, Any]:
        """Everything that the result depends on."""
        goal = {} if self.goal is None else {"goal": self.goal, "history": list(self.history)}
        return {
            "stage": self.name,
            "version": self.version,
            "keys": dict(self.keys),
            "files": dict(self.files),
            "before": {stage.name: stage.fingerprint for stage in self.before},
            **goal,
        }

    @cached_property
    def fingerprint(self) -> str:
        return digest(self.ingredients)[:16]

    def continued(self, last: Mapping[str, Any]) -> Stage:
        """This stage as the continuation of what a run made last (its ingredients), where it is one: the same in
        everything but fewer tokens. The same goal keeps its history; anything else begins anew."""
        same = {**last, "goal": self.goal, "history": []} == self.ingredients
        if not same or self.goal is None or last["goal"] > self.goal:
            return self
        history = last["history"] if last["goal"] == self.goal else [*last["history"], last["goal"]]
        return replace(self, history=tuple(history))

    @property
    def predecessor(self) -> Stage | None:
        """The stage whose output this one goes on from."""
        return replace(self, goal=self.history[-1], history=self.history[:-1]) if self.history else None


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What changed between two stages' ingredients, in words; at most a handful."""
    words = []
    if old.get("goal") != new.get("goal"):
        how = "trained anew for" if not new["history"] else "goes on to"
        words.append(f"{how} {new['goal']:,} tokens (now {old['goal']:,})")
    if old["version"] != new["version"]:
        words.append(f"its behaviour changed (version {old['version']} -> {new['version']})")
    old_keys, new_keys = _flat(old["keys"]), _flat(new["keys"])
    for key in sorted(old_keys.keys() | new_keys.keys()):
        if old_keys.get(key) != new_keys.get(key):
            words.append(f"{key}: {_say(old_keys.get(key))} -> {_say(new_keys.get(key))}")
    for name in sorted(old["files"].keys() | new["files"].keys()):
        if old["files"].get(name) != new["files"].get(name):
            what = "is new" if name not in old["files"] else "is gone" if name not in new["files"] else "changed"
            words.append(f"{name} {what}")
    for name in sorted(old["before"].keys() | new["before"].keys()):
        if old["before"].get(name) != new["before"].get(name):
            words.append(f"{name} before it changed")
    return words if len(words) <= 6 else [*words[:6], f"and {len(words) - 6} more changes"]


def _flat(value: object, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping) or (prefix and not value):
        return {prefix: value}
    flat = {}
    for key, below in value.items():
        flat |= _flat(below, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _say(value: object) -> str:
    return "none" if value is None or value == {} else str(value)
