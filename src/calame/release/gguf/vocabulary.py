"""A tokenizer in GGUF's terms, as far as llama.cpp can cut text the same way; else it is refused with the reason.

llama.cpp knows two kinds of ours: `llama`, SentencePiece BPE with byte fallback, whose pieces are joined by score; and
`gpt2`, byte-level BPE, whose first split is one of a fixed list of patterns that go by a name (`pre`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gguf import GGUFWriter, TokenType

from calame.recipe.errors import Problem, UserError
from calame.tokenizer.tokenizer import BYTE, Tokenizer
from calame.tokenizer.train import SPACE_MARK, SPLIT, SPLIT_NAME

GPT2_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What the pre-tokenizer ByteLevel splits by where it is told to (Radford et al. 2019)."""
PATTERNS = {  # as they stand in tokenizer.json: llama.cpp's name, as in its llama-vocab.cpp
    SPLIT: SPLIT_NAME,
    SPLIT.replace(r"\p{N}|", r"\p{N}{1,3}|"): "llama-bpe",
    GPT2_SPLIT: "gpt-2",
}
DIGITS = "smollm"  # GPT-2's split, after each digit was cut off
IGNORE_MERGES = "llama-bpe"  # the one name here under which a word that is an entry is taken whole


@dataclass(frozen=True)
class Vocabulary:
    """model: llama or gpt2. pre: the name of the split. space: whether a mark of a space is put in front of a text."""

    model: str
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...]
    merges: tuple[tuple[str, str], ...]
    space: bool = False

    def write(self, writer: GGUFWriter) -> None:
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.model == "llama":
            writer.add_token_scores(self.scores)
            writer.add_add_space_prefix(self.space)
        else:
            writer.add_token_merges([f"{left} {right}" for left, right in self.merges])


def vocabulary_of(tokenizer: Tokenizer, size: int) -> Vocabulary:
    """size: rows of the embedding. Raises `UserError` for a tokenizer that llama.cpp cannot express."""
    written = json.loads(tokenizer.engine.to_str())
    model = written["model"]
    if model["type"] != "BPE":
        raise _not_expressed(f"a {model['type']} model")
    merges = tuple(_pair(merge) for merge in model["merges"])
    tokens, types = _entries(written, size)
    if model.get("byte_fallback"):
        space = _space_in_front(written)
        return Vocabulary("llama", "default", tokens, types, _scores(tokens, types, merges), merges, space)
    return Vocabulary("gpt2", _split_name(written), tokens, types, (), merges)


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _entries(written: Mapping[str, Any], size: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Each id's entry and its type; ids without one are filled up."""
    tokens, types = [f"[unused {n}]" for n in range(size)], [int(TokenType.UNUSED)] * size
    unknown = written["model"].get("unk_token")
    for entry, number in written["model"]["vocab"].items():
        tokens[number] = entry
        kind = TokenType.UNKNOWN if entry == unknown else TokenType.NORMAL
        types[number] = int(TokenType.BYTE if written["model"].get("byte_fallback") and BYTE.fullmatch(entry) else kind)
    for added in written["added_tokens"]:
        tokens[added["id"]] = added["content"]
        if types[added["id"]] != TokenType.UNKNOWN:
            types[added["id"]] = int(TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED)
    return tuple(tokens), tuple(types)


def _scores(tokens: Sequence[str], types: Sequence[int], merges: Sequence[tuple[str, str]]) -> tuple[float, ...]:
    """A piece that is joined earlier has the higher score. What is never joined has none."""
    ranks: dict[str, int] = {}
    for left, right in merges:
        ranks.setdefault(left + right, len(ranks) + 1)
    last = float(len(ranks) + 1)
    normal = int(TokenType.NORMAL)
    return tuple(
        -float(ranks.get(token, last)) if kind == normal else 0.0 for token, kind in zip(tokens, types, strict=True)
    )


def _space_in_front(written: Mapping[str, Any]) -> bool:
    """Whether a text gets a mark of a space in front. Raises `UserError` where something else is done to it."""
    normalizer, pre = written.get("normalizer"), written.get("pre_tokenizer")
    steps = normalizer["normalizers"] if normalizer and normalizer["type"] == "Sequence" else [normalizer]
    steps = [step for step in steps if step]
    space = steps[:1] == [{"type": "Prepend", "prepend": SPACE_MARK}]
    marks = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE_MARK}
    if pre is None and steps[int(space) :] == [marks]:
        return space
    if not steps and pre and pre["type"] == "Metaspace" and pre["replacement"] == SPACE_MARK and not pre["split"]:
        if pre["prepend_scheme"] == "first":
            raise _not_expressed("it marks the beginning of a text, and llama.cpp what follows a special token too")
        return pre["prepend_scheme"] == "always"
    raise _not_expressed("a text is changed, or split, before SentencePiece's pieces are looked for")


def _split_name(written: Mapping[str, Any]) -> str:
    """llama.cpp's name for the way words are split."""
    if written.get("normalizer"):
        raise _not_expressed(f"the text is normalised ({written['normalizer']['type']}) before it is split")
    pre = written.get("pre_tokenizer") or {}
    steps = pre.get("pretokenizers", [pre])
    kinds = [step.get("type") for step in steps]
    if kinds[-1] != "ByteLevel" or steps[-1]["add_prefix_space"]:
        raise _not_expressed(f"words are split by {', '.join(map(str, kinds))}, and not into bytes as GPT-2 does")
    pattern, own = GPT2_SPLIT if steps[-1].get("use_regex", True) else None, steps[:-1]
    name = PATTERNS.get(pattern or "")
    if kinds == ["Digits", "ByteLevel"] and own[0]["individual_digits"] and pattern:
        name = DIGITS
    elif kinds == ["Split", "ByteLevel"] and not pattern and own[0]["behavior"] == "Isolated":
        pattern = own[0]["pattern"].get("Regex")
        name = PATTERNS.get(pattern)
    elif own:
        name = None
    if name is None:
        raise _not_expressed(f"llama.cpp has no name for the way words are split: {', '.join(kinds)} {pattern or ''}")
    if (name == IGNORE_MERGES) != bool(written["model"].get("ignore_merges")):
        raise _not_expressed(f"under the name {name} llama.cpp joins the pieces of whole words otherwise")
    return name


def _not_expressed(what: str) -> UserError:
    names = ", ".join([*PATTERNS.values(), DIGITS])
    return UserError(
        Problem(
            "tokenizer",
            f"cannot be run by llama.cpp: {what}",
            f"SentencePiece BPE with byte fallback, or byte-level BPE with one of the splits {names}",
            "leave release.gguf empty; or train with tokenizer.kind=byte-bpe or sentencepiece-bpe",
        )
    )
