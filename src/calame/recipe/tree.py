"""A recipe as it is written: YAML with `extends` and `a.b=c` overrides, as one tree of keys that know where they stand.

Relative locations are meant from the folder of the file that they stand in, and are absolute once read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from calame.recipe.describe import shipped_recipes
from calame.recipe.errors import Problem, UserError, refuse

KeyPath = tuple[str, ...]
Data = dict[str, Any]
COMMAND_LINE = "command line"
LOCATIONS = (  # keys that hold a place on disk; * stands for a name of the user's own
    ("corpus", "sources", "*", "from"),
    ("corpus", "languages", "*", "from"),
    ("corpus", "decontaminate", "files", "*"),
    ("corpus", "inject", "evaluation", "files", "*"),
    ("corpus", "quality", "from"),
    ("tokenizer", "from"),
    ("model", "init"),
    ("pretrain", "load", "from"),
    ("sft", "conversations", "*", "from"),
    ("dpo", "pairs", "*", "from"),
    ("evaluation", "questions"),
    ("evaluation", "behaviour", "from"),
    ("evaluation", "probes", "from"),
    ("evaluation", "folder"),
)
RUNS = ("execution", "runs")  # a place too, but always meant from where one is


@dataclass
class Tree:
    """The keys and values, and `file:line` of each key."""

    data: Data = field(default_factory=dict)
    origins: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, *path: str) -> str:
        """Names a key together with the file and line it was written at."""
        for length in range(len(path), 0, -1):
            if origin := self.origins.get(path[:length]):
                return f"{origin}: {'.'.join(path)}"
        return ".".join(path) or "recipe"


def find_recipe(recipe: str) -> Path:
    """The file meant by a path, or by the name of a shipped recipe."""
    path = Path(recipe)
    if path.is_file():
        return path
    if (shipped := _shipped(recipe)) is not None:
        return shipped
    raise refuse(
        recipe,
        "no such recipe",
        f"a YAML file, or one of {', '.join(shipped_recipes())}",
        "check the path, or write a recipe with: calame new NAME --text FOLDER",
    )


def _shipped(name: str) -> Path | None:
    file = Path(str(resources.files("calame.recipes"))) / f"{name.removesuffix('.yaml')}.yaml"
    return file if "/" not in name and file.is_file() else None


def read_tree(path: Path, children: tuple[Path, ...] = ()) -> Tree:
    """A file merged over its parents. Raises `UserError` for what is no recipe."""
    if path.resolve() in children:
        raise refuse(str(path), "extends itself", remedy="break the circle of `extends`")
    own, merged = _read_file(path), Tree()
    for parent in _parents(own, path):
        above = read_tree(parent, (*children, path.resolve()))
        _merge(merged.data, above.data)
        merged.origins |= above.origins
    _merge(merged.data, own.data)
    merged.origins |= own.origins
    return merged


def _parents(tree: Tree, path: Path) -> Iterator[Path]:
    """The files that `extends` means, beside this one or shipped; the key itself is taken out."""
    names = tree.data.pop("extends", None)
    for name in names if isinstance(names, list) else [] if names is None else [names]:
        beside = path.parent / str(name)
        found = beside if beside.is_file() else _shipped(str(name))
        if found is None or not isinstance(name, str):
            raise refuse(
                tree.where("extends"),
                f"{name!r}: no such recipe",
                f"a file, meant from {path.parent}, or one of {', '.join(shipped_recipes())}",
            )
        yield found


def _merge(into: Data, data: Mapping[str, Any]) -> None:
    """Sections merge key by key, anything else replaces; null takes the value away, so that the default holds."""
    for key, value in data.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            into[key] = into[key] if isinstance(into.get(key), dict) else {}
            _merge(into[key], value)
        else:
            into[key] = value


def _read_file(path: Path) -> Tree:
    tree = Tree()
    try:
        data = _parse(path.read_text(encoding="utf-8"), str(path), (), tree)
    except UnicodeDecodeError as error:
        raise refuse(
            str(path), f"not UTF-8 ({error.reason} at byte {error.start})", remedy="save it as UTF-8"
        ) from None
    except yaml.YAMLError as error:
        raise refuse(str(path), f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise refuse(str(path), "empty, or not a mapping of keys", remedy="see the recipes listed by: calame recipes")
    tree.data = data
    for *_, key, at in _locations(data, LOCATIONS):
        at[key] = _from_folder(at[key], path.parent)
    return tree


def _parse(text: str, file: str, at: KeyPath, tree: Tree) -> Any:
    """YAML as Python values; `file` is empty for what has no lines worth naming."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return None if node is None else _plain(node, file, at, tree)


def _plain(node: yaml.Node, file: str, at: KeyPath, tree: Tree) -> Any:
    """A YAML node as Python values; notes where each key stands and refuses a key written twice."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, file, (*at, str(i)), tree) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return node.value if _is_word(node) else yaml.SafeLoader("").construct_document(node)
    mapping = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        line = f"{file}:{key_node.start_mark.line + 1}" if file else COMMAND_LINE
        if key in mapping:
            raise refuse(f"{line}: {'.'.join((*at, key))}", "written twice", remedy="keep one of the two")
        tree.origins[(*at, key)] = line
        mapping[key] = _plain(value_node, file, (*at, key), tree)
    return mapping


def _is_word(node: yaml.Node) -> bool:
    """Whether YAML 1.1 sees more in a plain word than we do: a date (2024-01-02 may be a revision) or a truth (`no` is
    Norwegian, `off` a way to compile)."""
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    return kind == "timestamp" or (kind == "bool" and node.value.lower() not in ("true", "false"))


def apply_override(tree: Tree, override: str) -> list[Problem]:
    """Set one key; a section is replaced as a whole, null brings the default back. Returns what is wrong with it."""
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        return [Problem(override, "not an override", "key.key=value", "e.g. pretrain.tokens=2B")]
    path = _existing_names(tree.data, parts)
    try:
        value = _parse(text, "", path, tree)
    except yaml.YAMLError:
        value = text
    except UserError as error:
        return error.problems
    at = tree.data
    for part in path[:-1]:
        if not isinstance(at.get(part), dict):
            at[part] = {}
        at = at[part]
    at.pop(path[-1], None)
    _merge(at, {path[-1]: value})
    tree.origins[path] = COMMAND_LINE
    return []


def _existing_names(data: Any, parts: Sequence[str]) -> KeyPath:
    """The path that dotted parts mean: names of the user's own may hold dots themselves."""
    if not parts:
        return ()
    lengths = range(len(parts), 0, -1) if isinstance(data, dict) else ()
    length = next((n for n in lengths if ".".join(parts[:n]) in data), 1)
    name = ".".join(parts[:length])
    return (name, *_existing_names(data.get(name) if isinstance(data, dict) else None, parts[length:]))


def settle_locations(tree: Tree) -> list[Problem]:
    """Fill in variables and ~, and make every location absolute: what is still relative is meant from where one is.

    Returns a problem for each variable that the environment lacks."""
    problems = []
    for *path, key, at in _locations(tree.data, (*LOCATIONS, RUNS)):
        value: str = at[key]
        for name in re.findall(r"\$\{(\w+)\}", value):
            if name not in os.environ:
                found = f"{value}: the environment has no {name}"
                problems.append(Problem(tree.where(*path, key), found, remedy=f"export {name}=FOLDER"))
        filled = re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], m[0]), value)
        filled = os.path.expanduser(filled)  # noqa: PTH111
        at[key] = filled if key == RUNS[-1] else _from_folder(filled, Path())
    return problems


def _locations(data: Data, keys: Sequence[KeyPath]) -> list[tuple[Any, ...]]:
    """The locations that a recipe holds: the parts of each one's path, and the section that it stands in."""
    found: list[tuple[Any, ...]] = []
    for *sections, last in keys:
        reached: list[tuple[KeyPath, Data]] = [((), data)]
        for name in sections:
            below = [((*path, key), at[key]) for path, at in reached for key in at if name in ("*", key)]
            reached = [(path, at) for path, at in below if isinstance(at, dict)]
        keys_at = [(path, key, at) for path, at in reached for key in at if last in ("*", key)]
        found += [(*path, key, at) for path, key, at in keys_at if isinstance(at[key], str)]
    return found


def _from_folder(location: str, folder: Path) -> str:
    """A relative location is meant from a folder; schemes, variables, ~ and `own-text` are left alone."""
    if re.match(r"^[a-z]+:", location) or location.startswith(("$", "~")) or location == "own-text":
        return location
    return str(folder.absolute() / location)
