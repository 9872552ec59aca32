"""The keys of held-out text: weights of its slices, sources out of domain, the stride."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml
from calame.recipe.schema import Recipe
from calame.recipe.slices import mixed_weights

SOURCES = {"web": {"from": "a"}, "wiki": {"from": "b", "language": "it"}, "books": {"from": "c", "ood": True}}


@pytest.fixture
def load(tmp_path):
    def load(evaluation: dict[str, Any] | None = None, sources=SOURCES, **changes: Any) -> Recipe:
        data = {
            "name": "held",
            "languages": ["fr", "it"],
            "corpus": {"sources": sources},
            "model": {"hidden_size": 64, "num_hidden_layers": 2},
            "pretrain": {"tokens": "10M", "batch": 1024, "context": 128},
            "evaluation": evaluation or {},
            **changes,
        }
        path = tmp_path / "held.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return load_recipe(str(path))[0]

    return load


def refused(load, *arguments: Any, **changes: Any) -> list[str]:
    with pytest.raises(UserError) as error:
        load(*arguments, **changes)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("mixed", ["even", "micro", {"fr-web": "50%", "it-web": 0.3, "it-wiki": 0.2}, {"it-wiki": 1}])
def test_weights_load_and_load_back(load, mixed, tmp_path):
    recipe = load({"mixed": mixed})
    (tmp_path / "resolved.yaml").write_text(resolved_yaml(recipe, []), encoding="utf-8")
    assert load_recipe(str(tmp_path / "resolved.yaml"))[0] == recipe


@pytest.mark.parametrize(
    ("mixed", "words"),
    [
        (
            {"fr-wed": 0.5, "it-wiki": 0.5},
            ["no slice is called fr-wed", "fr-web, it-web, it-wiki", "did you mean fr-web"],
        ),
        ({"fr-wiki": 0.5, "it-wiki": 0.5}, ["no slice is called fr-wiki"]),
        ({"ood-fr-books": 0.5, "it-wiki": 0.5}, ["no slice is called ood-fr-books"]),
        ({"fr-web": 1.0}, ["no weight for it-wiki", "0 leaves it out"]),
        ({"fr-web": 3, "it-wiki": 1}, ["add up to 4", "mixed: {fr-web: 0.75, it-wiki: 0.25}"]),
        ({"fr-web": 0, "it-wiki": 0}, ["all weights are 0"]),
        ({"fr-web": -0.5, "it-wiki": 1.5}, ["fr-web"]),
        ("macro", ["'macro' is none of even, micro"]),
        ({"français": 1}, ["français: no slice; LANGUAGE-SOURCE"]),
    ],
)
def test_weights_that_cannot_be_are_refused_with_what_can(load, mixed, words):
    said = "\n".join(refused(load, {"mixed": mixed}))
    assert "evaluation.mixed" in said
    for word in words:
        assert word in said


def test_weights_of_a_recipe():
    slices = ["fr-a", "fr-b", "it-a", "ood-fr-c"]
    assert mixed_weights(slices, "even") == {"fr-a": 0.25, "fr-b": 0.25, "it-a": 0.5}
    assert mixed_weights(slices, "micro") is None
    assert mixed_weights(slices, {"fr-a": 0.2, "fr-b": 0.0, "it-a": 0.8}) == {"fr-a": 0.2, "fr-b": 0.0, "it-a": 0.8}


def test_what_is_out_of_domain_is_in_no_mixture(load):
    assert load().corpus.trained == ["web", "wiki"] and load().corpus.ood == ["books"]
    pretrain = {"tokens": "10M", "batch": 1024, "context": 128}
    weights = {"web": 0.5, "wiki": 0.25, "books": 0.25}
    (said,) = refused(load, pretrain={**pretrain, "mixture": {"weights": weights}})
    assert "no source is called books" in said
    load(pretrain={**pretrain, "mixture": {"weights": {"web": 0.5, "wiki": 0.5}}})
    only = {"books": {"from": "c", "ood": True}}
    assert any("nothing is left to train on" in problem for problem in refused(load, sources=only))


def test_a_checkpoint_may_be_chosen_by_what_is_measured(load):
    for name in ("mixed", "micro", "fr-web", "it-wiki", "ood-it-books"):
        load(select=f"best:val/{name}/bpb")
    for name in ("fr-wiki", "fr-books", "ood-fr-web"):
        (said,) = refused(load, select=f"best:val/{name}/bpb")
        assert "is not measured" in said and "best:val/ood-fr-books/loss" in said


def test_the_stride_is_at_most_the_context(load):
    assert load().evaluation.stride == 64
    assert load({"stride": 128}).evaluation.stride == 128
    (said,) = refused(load, {"stride": 129})
    assert "would not be asked for" in said and "128" in said
