"""Losses by slice in the stage: what is asked for, intervals, weights, other tokenizers, and what travels with them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytest import approx, fixture, mark, raises

from builders import corpus_of, decoder_of, loaded_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation import losses
from calame.evaluation.measurement import CannotMeasure, Setting, Subject
from calame.inference.load import Loaded
from calame.recipe.errors import UserError
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.training.batch import LossFunction
from calame.training.slices import make_slice, slices_of
from calame.training.validate import summed_up, validate

SOURCES = {"a": {"from": "nowhere"}, "b": {"from": "nowhere", "ood": True}}


@fixture(scope="module")
def stages(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("corpus")
    a = [*rows_of(texts(60)), *rows_of(texts(60, language="it"), "it")]
    gathered = corpus_of(folder, {"a": a, "b": rows_of(texts(40, 1))}, ("fr", "it"), 0.3)
    shards = shards_of(folder, gathered, tokenizer_of())
    sources = {f"corpus/{name}": path for name, path in gathered.sources.items()}
    return {**{f"shards/{name}": path for name, path in shards.items()}, **sources, "corpus": gathered.joined}


def subject(stages: dict[str, Path], folder: Path, loaded: Loaded | None = None, **evaluation: Any) -> Subject:
    recipe = recipe_of(languages=["fr", "it"], corpus={"sources": SOURCES}, evaluation=evaluation)
    setting = Setting(recipe.evaluation, ("fr", "it"), {"a": Path("model")}, stages, folder, "cpu", recipe)
    return Subject("a", loaded or loaded_of(decoder_of()), setting, folder)


def test_losses_are_on_all_validation_text_in_windows_of_half_the_context(
    stages: dict[str, Path], tmp_path: Path
) -> None:
    asked = subject(stages, tmp_path)
    found = losses.measure(asked)
    assert not asked.loaded.model.training
    assert (found["context"], found["stride"], found["bos"]) == (64, 32, "given, not asked for")
    shards = [Shard(stages[f"shards/{name}"], "validation", tokenizer_of()) for name in "ab"]
    slices = slices_of(shards, tokenizer_of(), 64, 32, ood=["b"])
    loaded = asked.loaded
    wanted = summed_up(validate(LossFunction(loaded.model, loaded.device, True, "dense", False), slices, 5))
    assert set(found["slices"]) == {"fr-a", "it-a", "ood-fr-b"}
    for name, part in {**found["slices"], "mixed": found["mixed"], "micro": found["micro"]}.items():
        for kind in ("loss", "bpb"):
            assert part[kind]["value"] == approx(getattr(wanted[name], kind), abs=1e-5)
            assert part[kind]["low"] < part[kind]["value"] < part[kind]["high"]
        assert part["perplexity"]["value"] == approx(math.exp(part["loss"]["value"]), rel=1e-4)
        assert part["perplexity"]["high"] == approx(math.exp(part["loss"]["high"]), rel=1e-4)
        assert part["tokens"] == wanted[name].tokens


def test_the_slices_hashes_and_labels_travel_with_the_numbers(stages: dict[str, Path], tmp_path: Path) -> None:
    found = losses.measure(subject(stages, tmp_path))
    known = read_json(stages["corpus"] / "validation.json")
    for name, part in found["slices"].items():
        corpus = known[name.removeprefix("ood-")]  # the corpus here was not told
        assert (part["hash"], part["documents"], part["bytes"]) == tuple(
            corpus[key] for key in ("hash", "documents", "bytes")
        )
        assert part["ood"] is (name == "ood-fr-b")
    assert found["mixed"]["weights"] == {"fr-a": 0.5, "it-a": 0.5}
    written = read_json(tmp_path / losses.FILE)
    assert {key: written[key] for key in found} == found
    assert (written["model"], written["checkpoint"]) == ("a", "model")


def test_declared_weights_and_the_micro_average(stages: dict[str, Path], tmp_path: Path) -> None:
    found = losses.measure(subject(stages, tmp_path, mixed={"fr-a": 0.9, "it-a": 0.1}))
    value = {name: part["bpb"]["value"] for name, part in found["slices"].items()}
    assert found["mixed"]["bpb"]["value"] == approx(0.9 * value["fr-a"] + 0.1 * value["it-a"], abs=1e-5)
    micro = losses.measure(subject(stages, tmp_path, mixed="micro"))
    assert micro["mixed"]["bpb"] == micro["micro"]["bpb"] and micro["mixed"]["weights"] == "micro"
    with raises(UserError, match="no validation text of it-b"):
        losses.measure(subject(stages, tmp_path, mixed={"fr-a": 0.5, "it-a": 0.1, "it-b": 0.4}))


@mark.parametrize("other", ("another kind", "without BOS"))
def test_a_model_with_another_tokenizer_reads_the_same_text(
    other: str, stages: dict[str, Path], tmp_path: Path
) -> None:
    tokenizer = tokenizer_of("sentencepiece-bpe") if other == "another kind" else tokenizer_of().without_bos()
    here, there = (
        losses.measure(subject(stages, tmp_path, loaded_of(decoder_of(), which))) for which in (None, tokenizer)
    )
    for name, part in here["slices"].items():
        assert (part["hash"], part["documents"]) == (there["slices"][name]["hash"], there["slices"][name]["documents"])
        if tokenizer.beginning:
            assert there["slices"][name]["bytes"] == part["bytes"]
            assert there["slices"][name]["tokens"] != part["tokens"]
        else:
            assert there["slices"][name]["bytes"] < part["bytes"], "the first token is given, its bytes do not count"
            assert "first token" in there["bos"]


def test_what_is_not_there_cannot_be_measured(stages: dict[str, Path], tmp_path: Path) -> None:
    alone = subject(stages, tmp_path)
    with raises(CannotMeasure, match="--on RUN"):
        losses.measure(replace(alone, setting=replace(alone.setting, recipe=None)))
    foreign = subject({}, tmp_path)
    with raises(CannotMeasure, match="neither shards of a for this tokenizer nor its text"):
        losses.measure(foreign)


@mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_losses_that_are_no_numbers_are_not_said(stages: dict[str, Path], tmp_path: Path) -> None:
    """Finite weights that overflow."""
    loaded = loaded_of(decoder_of())
    with torch.no_grad():
        dict(loaded.model.named_parameters())["norm.weight"].fill_(1e38)
    with raises(CannotMeasure, match="no finite number on fr-a, it-a, ood-fr-b"):
        losses.measure(subject(stages, tmp_path, loaded))
    assert not (tmp_path / losses.FILE).exists()


def test_of_text_that_is_all_given_nothing_is_said(tmp_path: Path) -> None:
    """Words of one token, without BOS: no byte is asked for, and 0 bits a byte would be wrong."""
    policy = tokenizer_of().without_bos()
    token = next(chr(code) for code in range(97, 123) if len(policy.encode(chr(code))) == 1)
    document = np.array([*policy.encode(token), policy.special.eos])
    part = make_slice("fr-a", [document], [1], [b"a"], policy, 16)
    sums = validate(LossFunction(decoder_of(), loaded_of(decoder_of()).device, True, "dense", False), [part], 1)
    assert sums["fr-a"][0, 3] == 0
    with raises(CannotMeasure, match="fr-a: documents of one token"):
        losses.check_said(sums)


def test_what_is_shown_is_what_was_found(stages: dict[str, Path], tmp_path: Path) -> None:
    found = {"pretrained": losses.measure(subject(stages, tmp_path))}
    value = found["pretrained"]["slices"]["ood-fr-b"]["bpb"]
    said = "\n".join(losses.lines(found))
    assert f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]" in said
    page = losses.page(found)
    assert page.count("<svg") == 2 and "ood-fr-b" in page and found["pretrained"]["slices"]["fr-a"]["hash"][:12] in page
    unsure = found["pretrained"]["mixed"]["perplexity"]["value"]
    first, second = losses.words(found)
    assert f"{unsure:.1f}" in first and "330" in first and "ood-fr-b" in second
