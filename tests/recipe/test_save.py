"""The resolved recipe: it holds everything, says why, and loads back to the same recipe."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml
from calame.recipe.schema import Recipe

plain = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)
prose = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x7f"), max_size=40)
changes = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**40),
        "description": prose,
        "evaluation.prompts": st.lists(prose, max_size=3),
        "evaluation.require": st.dictionaries(plain, st.floats(0, 1), max_size=3),
        "pretrain.tokens": st.integers(4096, 10**12),
        "pretrain.clip": st.floats(1e-6, 1e6),
        "pretrain.optimizer.learning_rate": st.floats(1e-9, 1),
        "pretrain.optimizer.epsilon": st.floats(1e-12, 1e-3),
        "pretrain.schedule.warmup": st.integers(0, 4096),
        "pretrain.documents": st.sampled_from(["masked", "stream"]),
        "pretrain.mixture.weights": st.just({"monde": 1}),
        "model.tie_word_embeddings": st.booleans(),
        "model.intermediate_size": st.integers(1, 4096),
        "corpus.validation.share": st.floats(1e-6, 0.49),
        "corpus.sources.monde.license": plain,
        "corpus.sources.monde.exclude": st.lists(plain, max_size=3),
        "sft": st.just(None),
        "sft.epochs": st.floats(0.1, 10),
        "tokenizer.vocabulary": st.integers(264, 100_000),
        "execution.keep": st.integers(1, 9),
        "execution.micro_batch": st.integers(1, 10**6),
    },
)


def as_override(key: str, value: object) -> str:
    return f"{key}={yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)}"


@given(changes)
def test_it_loads_back_to_an_equal_recipe_with_equal_result_keys(tmp_path, values):
    changed = [as_override(key, value) for key, value in values.items() if "sft" not in values or key != "sft.epochs"]
    recipe, derived = load_recipe("petit-monde", changed)
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(recipe, derived), encoding="utf-8")
    again, _ = load_recipe(str(path))
    assert again == recipe
    assert result_keys(again) == result_keys(recipe)


def result_keys(recipe: Recipe) -> dict:
    data = recipe.model_dump(by_alias=True, mode="json")
    data.pop("execution")
    return data


def test_it_loads_back_from_the_run_folder_although_the_text_lies_elsewhere(toy):
    toy.recipe()
    recipe, derived = load_recipe("toy.yaml", ["corpus.sources.fiabe.from=fiabe.jsonl"])
    path = toy.folder / "runs/toy/recipe.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(resolved_yaml(recipe, derived), encoding="utf-8")
    again, _ = load_recipe(str(path))
    assert again == recipe
    assert Path(again.corpus.sources["contes"].location).is_dir()


@pytest.mark.parametrize("name", ["on", "null", "1", "1.5", "2024-01-01", "a.b"])
def test_names_that_yaml_reads_its_own_way_survive(tmp_path, name):
    recipe, derived = load_recipe(
        "petit-monde", [f"name='{name}'", f"corpus.sources={{'{name}': {{from: 'builtin:petit-monde', size: 2400kB}}}}"]
    )
    path = tmp_path / "resolved.yaml"
    path.write_text(resolved_yaml(recipe, derived), encoding="utf-8")
    assert load_recipe(str(path))[0] == recipe


def test_every_value_is_there_and_each_derived_one_has_its_reason():
    recipe, derived = load_recipe("petit-monde")
    text = resolved_yaml(recipe, derived)
    lines = text.splitlines()
    for note in derived:
        last = note.key.split(".")[-1]
        assert any(note.reason in line and f"{last}:" in line for line in lines), note
    assert "rms_norm_eps: 1.0e-05" in text  # a default that nobody wrote
    assert yaml.safe_load(text)["pretrain"]["tokens"] == recipe.pretrain.tokens


def test_what_is_settled_at_the_first_start_is_said_but_not_fixed():
    """Warm-up and horizon follow the length at the first start: written as values, a longer run would change them."""
    recipe, derived = load_recipe("petit-monde")
    data = yaml.safe_load(resolved_yaml(recipe, derived))
    assert "horizon" not in data["pretrain"]["schedule"]
    assert f"# horizon: {recipe.pretrain.tokens}  # settled at the first start" in resolved_yaml(recipe, derived)
