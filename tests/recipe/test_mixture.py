"""Mixtures and phases in a recipe: what is accepted, and each mistake with what mends it."""

from pathlib import Path

import pytest
import yaml

from calame.recipe.describe import all_keys
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.mixture import mixtures_of
from calame.recipe.save import resolved_yaml
from calame.recipe.schema import Recipe

SOURCES = {
    "web-fr": {"from": "a", "language": "fr", "kind": "web"},
    "wiki-it": {"from": "b", "language": "it", "kind": "wiki"},
    "mixed": {"from": "c"},
}
BY_SOURCE = {"web-fr": "50%", "wiki-it": "25%", "mixed": "25%"}


@pytest.fixture
def load(tmp_path):
    def load(mixture=None, phases=None, *overrides, **pretrain) -> Recipe:
        keys = {"tokens": "10M", "batch": 1024, "context": 128, "mixture": mixture, "phases": phases, **pretrain}
        data = {
            "name": "mix",
            "languages": ["fr", "it"],
            "corpus": {"sources": SOURCES},
            "model": {"hidden_size": 64, "num_hidden_layers": 2},
            "pretrain": keys,
        }
        path = tmp_path / "mix.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return load_recipe(str(path), overrides)[0]

    return load


def refused(load, *arguments, **pretrain) -> list[str]:
    with pytest.raises(UserError) as error:
        load(*arguments, **pretrain)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    "mixture",
    [
        {"weights": BY_SOURCE},
        {"languages": {"fr": 0.6, "it": 0.4}},
        {"kinds": {"web": 0.5, "wiki": 0.3, "mixed": 0.2}},
        {"cells": {"fr/web": 0.5, "it/wiki": 0.3, "fr/mixed": 0.1, "it/mixed": 0.1}},
        {"cells": {"fr/web": 0.5, "it/wiki": 0.5}},  # whether `mixed` has text in French is known once it is read
        {"source_balanced": True},
        {"weights": BY_SOURCE, "epochs": 2, "epochs_by_source": {"mixed": 8}},
    ],
)
def test_each_way_of_saying_shares_loads_and_loads_back(load, mixture, tmp_path):
    recipe = load(mixture)
    again = tmp_path / "again.yaml"
    again.write_text(resolved_yaml(recipe, []), encoding="utf-8")
    assert load_recipe(str(again))[0] == recipe


@pytest.mark.parametrize(
    ("mixture", "words"),
    [
        ({"languages": {"fr": 3, "it": 1}}, ["add up to 4", "languages: {fr: 0.75, it: 0.25}"]),
        (
            {"kinds": {"web": 0.5, "wiki": 0.5, "mixed": 0.5}},
            ["add up to 1.5", "kinds: {web: 0.333334, wiki: 0.333333, mixed: 0.333333}"],
        ),
        ({"cells": {"fr/web": 1, "it/wiki": 1}}, ["add up to 2", "cells: {fr/web: 0.5, it/wiki: 0.5}"]),
        ({"languages": {"fr": 0.5, "en": 0.5}}, ["no language is called en", "languages: fr, it"]),
        ({"languages": {"fr": 1}}, ["no weight for it"]),
        ({"kinds": {"web": 0.5, "books": 0.5}}, ["no kind is called books", "kinds: mixed, web, wiki"]),
        ({"kinds": {"web": 0.5, "books": 0.5}}, ["no weight for mixed, wiki"]),
        (
            {"cells": {"it/web": 0.5, "it/wiki": 0.5}},
            ["no cell is called it/web", "fr/mixed, fr/web, it/mixed, it/wiki"],
        ),
        ({"cells": {"it/wiki": 1}}, ["no weight for fr/web"]),
        ({"cells": {"web": 1}}, ["'web' cannot be a name", "LANGUAGE/KIND, e.g. fr/web"]),
        ({"weights": BY_SOURCE, "source_balanced": True}, ["weights, source_balanced: which of them holds?"]),
        ({"epochs_by_source": {"books": 2}}, ["no source is called books"]),
        ({"epochs_by_source": {"mixed": 0}}, ["epochs_by_source.mixed", "greater than 0"]),
        ({"source_balanced": False}, ["source_balanced"]),
    ],
)
def test_mistakes_of_a_mixture(load, mixture, words):
    found = refused(load, mixture)
    assert any(all(word in message for word in words) for message in found), found
    in_a_phase = refused(load, None, {"one": {"mixture": mixture}})
    if "no weight" not in words[0]:  # a phase may leave out what it does not read
        assert any("pretrain.phases.one.mixture" in m and words[0] in m for m in in_a_phase), in_a_phase


def test_corrected_shares_can_be_pasted(load):
    [message] = refused(load, {"weights": {"web-fr": 0.4061, "wiki-it": 0.3567, "mixed": 0.137}})
    corrected = yaml.safe_load(message.split("with the same proportions: ")[1])
    assert sum(load(corrected).pretrain.mixture.weights.values()) == pytest.approx(1, abs=1e-9)


def test_phases_take_from_the_mixture_what_they_leave_out(load):
    recipe = load(
        {"weights": BY_SOURCE, "epochs": 3, "epochs_by_source": {"mixed": 1}},
        {
            "naive": {"until": "1M"},
            "drop": {"until": "2M", "mixture": {"weights": {"web-fr": 1}, "epochs": 5}},
            "last": {"mixture": {"source_balanced": True, "epochs_by_source": {"mixed": 9}}},
        },
    )
    keys = recipe.pretrain
    naive, drop, last = mixtures_of(keys.mixture, keys.phases).values()
    assert (naive[0], drop[0], last[0]) == (1_000_000, 2_000_000, None)
    assert naive[1] == keys.mixture
    assert (drop[1].weights, drop[1].epochs, drop[1].epochs_by_source) == ({"web-fr": 1}, 5, {"mixed": 1})
    assert (last[1].ways, last[1].epochs, last[1].epochs_by_source) == (["source_balanced"], 3, {"mixed": 9})


def test_mistakes_of_phases_come_all_at_once(load):
    found = refused(
        load,
        None,
        {
            "one": {"until": "3M", "mixture": {"weights": {"web-fr": 1, "wiki-it": 1}}},
            "two": {"until": "2M", "mixture": {"weights": {"web-fr": 1}}},
            "three": {"mixture": {"weights": {"web-fr": 1}}},
            "four": {"until": "2000050", "mixture": {"weights": {"web-fr": 1}}},
            "five": {"until": "9M", "mixture": {"weights": {"web-fr": 1}}},
        },
    )
    for words in (
        ("phases.one.mixture.weights", "add up to 2"),
        ("phases.two.until", "ends at 2M tokens, not after one, which comes before it"),
        ("phases.three", "has no until, and is not the last phase"),
        ("phases.four.until", "a phase of 50 tokens is shorter than a row"),
        ("phases.five.until", "the last phase goes on to the end of the run"),
        ("pretrain.phases", "no phase names mixed"),
    ):
        assert any(all(word in message for word in words) for message in found), (words, found)
    assert len(found) == 6


def test_phases_may_end_after_the_run(load):
    """A run that is cut short for a trial, or that is to be lengthened."""
    phases = {"one": {"until": "1T", "mixture": {"source_balanced": True}}, "two": {}}
    assert load(None, phases).pretrain.phases is not None


def test_shares_of_a_phase_are_normalised_where_the_recipe_says_so(load, tmp_path):
    phases = {"one": {"until": "1M", "mixture": {"weights": {"web-fr": 2, "mixed": 0.84}}}, "two": {}}
    assert "add up to 2.84" in refused(load, None, phases)[0]
    load({"normalise": True}, phases)
    recipe, derived = load_recipe(str(tmp_path / "mix.yaml"))
    assert recipe.pretrain.phases["one"].mixture.weights == pytest.approx({"web-fr": 2 / 2.84, "mixed": 0.84 / 2.84})
    assert "weights:  # derived: those written add up to 2.84" in resolved_yaml(recipe, derived)


def test_keys_of_phases_are_described_corrected_and_overridden(load):
    assert "pretrain.phases.NAME.mixture.cells" in [key for key, _ in all_keys()]
    phases = {"one": {"until": "1M"}, "two": {}}
    [message] = refused(load, None, {"one": {"untl": "1M"}})
    assert "did you mean pretrain.phases.one.until?" in message
    assert load(None, phases, "pretrain.phases.one.until=2M").pretrain.phases["one"].until == 2_000_000


def test_the_phases_of_the_documentation_load(tmp_path):
    text = Path(__file__).parents[2].joinpath("docs/corpus-mixture.md").read_text(encoding="utf-8")
    data = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    data |= {"name": "x", "languages": ["en", "fr", "zxx"], "model": {"hidden_size": 64, "num_hidden_layers": 2}}
    data["pretrain"] |= {"tokens": "3T", "batch": {0: 4096, "1T": 8192}, "context": {0: 256, "1T": 512}}
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    recipe, notes = load_recipe(str(path))
    assert list(recipe.pretrain.phases) == ["naive", "drop-in-the-ocean", "cooldown"]
    assert [note.key.split(".")[2] for note in notes if "add up to" in note.reason] == ["naive", "drop-in-the-ocean"]
