"""From a recipe's mixture to shares of streams: by source, language, kind and cell, on shards of several languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest import approx, fixture, mark, raises

from builders import corpus_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.recipe.errors import UserError
from calame.recipe.schema import Recipe
from calame.shards.account import account
from calame.shards.loader import Loader
from calame.training.pretrain import training_stream

SOURCES = {"a": {"from": "x", "kind": "web"}, "b": {"from": "y", "kind": "wiki"}, "c": {"from": "z", "kind": "wiki"}}


@fixture(scope="module")
def shards(tmp_path_factory: Any) -> dict[str, Path]:
    """`a` and `b` in French and Italian, `c` in Italian."""
    folder = tmp_path_factory.mktemp("shards")
    rows = {
        "a": [*rows_of(texts(60)), *rows_of(texts(20, 1, "it"), "it")],
        "b": [*rows_of(texts(20, 2)), *rows_of(texts(60, 3, "it"), "it")],
        "c": rows_of(texts(30, 4, "it"), "it"),
    }
    return shards_of(folder, corpus_of(folder, rows, ("fr", "it"), 0.05), tokenizer_of())


def recipe(mixture: dict[str, Any], **changes: Any) -> Recipe:
    keys = {"languages": ["fr", "it"], "corpus": {"sources": SOURCES}, "pretrain__mixture": mixture}
    return recipe_of(**{**keys, "pretrain__context": 16, "pretrain__batch": 64, **changes})


def stream(shards: dict[str, Path], mixture: dict[str, Any], **changes: Any) -> Loader:
    return training_stream(recipe(mixture, **changes), shards, tokenizer_of())


def of_cells(loader: Loader) -> dict[str, float]:
    """The wanted share of each stream."""
    return dict(zip(loader.mixture.names, loader.mixture.reaches[0].shares, strict=True))


def test_a_source_is_only_divided_where_languages_have_shares(shards: dict[str, Path]) -> None:
    assert stream(shards, {}).mixture.names == ["a", "b", "c"]
    assert stream(shards, {"weights": {"a": 0.5, "b": 0.3, "c": 0.2}}).mixture.names == ["a", "b", "c"]
    assert stream(shards, {"kinds": {"web": 0.5, "wiki": 0.5}}).mixture.names == ["a", "b", "c"]
    divided = ["a/fr", "a/it", "b/fr", "b/it", "c"]
    assert stream(shards, {"source_balanced": True}).mixture.names == divided
    phases = {"one": {"until": 1000}, "two": {"mixture": {"languages": {"fr": 0.5, "it": 0.5}}}}
    assert stream(shards, {}, pretrain__phases=phases).mixture.names == divided


@mark.parametrize(
    ("mixture", "cells"),
    [
        ({"languages": {"fr": 0.7, "it": 0.3}}, {("a/fr", "b/fr"): 0.7, ("a/it", "b/it", "c"): 0.3}),
        ({"kinds": {"web": 0.6, "wiki": 0.4}}, {("a",): 0.6, ("b", "c"): 0.4}),
        (
            {"cells": {"fr/web": 0.5, "it/web": 0, "fr/wiki": 0.1, "it/wiki": 0.4}},
            {("a/fr",): 0.5, ("a/it",): 0.0, ("b/fr",): 0.1, ("b/it", "c"): 0.4},
        ),
        ({"source_balanced": True}, {("a/fr",): 0.25, ("a/it",): 0.25, ("b/fr",): 0.25, ("b/it", "c"): 0.25}),
    ],
)
def test_shares_of_cells_are_dealt_by_size(
    mixture: dict[str, Any], cells: dict[tuple[str, ...], float], shards: dict[str, Path]
) -> None:
    loader = stream(shards, mixture)
    shares, sizes = of_cells(loader), dict(zip(loader.mixture.names, loader.mixture.sizes, strict=True))
    for names, share in cells.items():
        whole = sum(sizes[name] for name in names)
        for name in names:
            assert shares[name] == approx(share * sizes[name] / whole)
    if "kinds" in mixture:
        return  # then languages are as the lot has it
    found = account(loader, 0, 2_000)
    for name, share in found["languages"]["wanted"].items():
        achieved = sum(tenth[name] for tenth in found["languages"]["tenths"]) / 10
        assert achieved == approx(share, abs=0.02)


def test_caps_are_by_source(shards: dict[str, Path]) -> None:
    loader = stream(shards, {"languages": {"fr": 0.9, "it": 0.1}, "epochs": 2, "epochs_by_source": {"a": 1, "b": 0.5}})
    read = dict(zip(loader.mixture.names, loader.mixture.read_before(loader.mixture.capacity), strict=True))
    sizes = dict(zip(loader.mixture.names, loader.mixture.sizes, strict=True))
    for name, cap in {"a/fr": 1, "a/it": 1, "b/fr": 0.5, "b/it": 0.5, "c": 2}.items():
        assert int(sizes[name] * cap) - loader.mixture.window < read[name] <= sizes[name] * cap


def test_shares_without_text_and_text_without_share_are_refused_all_at_once(shards: dict[str, Path]) -> None:
    with raises(UserError) as error:
        stream({"c": shards["c"]}, {"cells": {"fr/wiki": 0.5, "it/web": 0.5}})
    lacking, left_out = error.value.problems
    assert "no text for fr/wiki, it/web" in lacking.found and "it/wiki (" in lacking.allowed
    assert "no share for it/wiki, of which there is text" in left_out.found
    phases = {"one": {"until": 1000, "mixture": {"languages": {"fr": 1.0}}}, "two": {}}
    with raises(UserError) as error:
        stream({"c": shards["c"]}, {}, pretrain__phases=phases)
    [lacking] = error.value.problems
    assert lacking.where == "pretrain.phases.one.mixture.languages" and "no text for fr" in lacking.found


@mark.parametrize("documents", ("masked", "stream", "chunks"))
def test_every_way_of_laying_out_goes_with_languages(documents: str, shards: dict[str, Path]) -> None:
    loader = stream(shards, {"languages": {"fr": 0.5, "it": 0.5}}, pretrain__documents=documents)
    found = account(loader, 0, loader.mixture.window * 2)
    assert [sum(tenth["fr"] for tenth in found["languages"]["tenths"]) / 10] == approx([0.5], abs=0.02)
