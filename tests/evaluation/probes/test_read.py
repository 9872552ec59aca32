"""Probes: those that are shipped, templates filled, files of one's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pytest import mark, raises

from builders import tokenizer_of
from calame.evaluation.probes.encode import Encoded, encode_probes
from calame.evaluation.probes.read import SHIPPED, Probe, choose, read_probes, shipped_probes
from calame.recipe.errors import UserError

KINDS = {"factual", "procedural", "lexical", "grammar", "arithmetic"}


def test_several_hundred_of_the_same_kinds_in_each_language() -> None:
    probes = shipped_probes(SHIPPED)
    assert {probe.kind for probe in probes} == KINDS
    cells = Counter((probe.language, probe.kind) for probe in probes)
    assert len(cells) == len(SHIPPED) * len(KINDS) and min(cells.values()) >= 30
    assert all(count >= 200 for count in Counter(probe.language for probe in probes).values())
    assert len({probe.whole for probe in probes}) == len({(p.language, p.prompt) for p in probes}) == len(probes)
    assert all(probe.target.strip() and "{" not in probe.whole for probe in probes)


@mark.parametrize("kind", ("byte-bpe", "sentencepiece"))
def test_every_shipped_target_begins_a_token(kind: str) -> None:
    tokenizer, probes = tokenizer_of(kind), shipped_probes(SHIPPED)
    encoded = encode_probes(probes, tokenizer, tokenizer.size, 512)
    assert [(probe, part) for probe, part in zip(probes, encoded, strict=True) if not isinstance(part, Encoded)] == []


@mark.parametrize(
    ("prompt", "whole"),
    (
        ("La capitale de la France est", "La capitale de la France est Paris"),
        ("la capitale de l’", "la capitale de l’Paris"),
        ("dell'", "dell'Paris"),
        ("Réponse :\n", "Réponse :\nParis"),
        ("", "Paris"),
    ),
)
def test_a_space_lies_between_where_one_is_written(prompt: str, whole: str) -> None:
    assert Probe(prompt, "Paris", "fr", "factual").whole == whole


def test_a_file_of_ones_own_is_pairs_and_templates(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "fr:\n  factual:\n    towns:\n      pairs: [[Il habite à, Nice]]\n"
        "      prompts: ['{who} vit à', 'La ville de {who} est']\n      target: '{home town}'\n"
        "      slots: [who, home town]\n      rows: [[Anne, Pau], [Luc, Dax]]\n",
        encoding="utf-8",
    )
    assert [(p.prompt, p.target, p.kind, p.group) for p in read_probes(path)] == [
        ("Il habite à", "Nice", "factual", "towns"),
        ("Anne vit à", "Pau", "factual", "towns"),
        ("Luc vit à", "Dax", "factual", "towns"),
        ("La ville de Anne est", "Pau", "factual", "towns"),
        ("La ville de Luc est", "Dax", "factual", "towns"),
    ]


@mark.parametrize(
    ("group", "message"),
    (
        ("{pairs: [[a]]}", "pairs.0"),
        ("{slots: [x], rows: [[a, b]], prompts: ['{x}'], target: t}", "row 1 has 2 words for 1 slots"),
        ("{prompts: [a], target: t}", "rows need prompts"),
        ("{slots: [x, y], rows: [[a, b]], prompts: ['{x}'], target: t}", "no prompt and no target has {y}"),
        ("{slots: [x], rows: [[a], [b]], prompts: ['{x}', '{y} a'], target: '{z}'}", "{y}, {z}: no slot is called so"),
        ("{target: t}", "it has no probe"),
        ("{pears: []}", "pears"),
    ),
)
def test_what_is_no_group_is_refused_with_the_place(tmp_path: Path, group: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"fr:\n  factual:\n    towns: {group}\n", encoding="utf-8")
    with raises(UserError) as refused:
        read_probes(path)
    assert message in str(refused.value) and "fr.factual.towns" in str(refused.value)


@mark.parametrize("number", (None, 1, 10, 100, 1000))
def test_fewer_are_taken_evenly_from_the_file(number: int | None) -> None:
    probes = shipped_probes(["fr", "it"])
    chosen = choose(probes, number)
    assert chosen == [probe for probe in probes if probe in chosen], "in the order of the file"
    counts, all_of = Counter(p.language for p in chosen), Counter(p.language for p in probes)
    assert all(counts[code] == min(number or 1000, all_of[code]) for code in all_of)
    assert number != 10 or {p.kind for p in chosen} == KINDS
