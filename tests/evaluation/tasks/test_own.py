"""Tasks of every shape measured: by their definitions, with errors and chance levels, whatever the model."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benches import ROWS, chosen_of, folder_of
from builders import ScriptedModel, decoder_of, loaded_of, tokenizer_of
from calame.evaluation.pairs import to_requests
from calame.evaluation.score import score
from calame.evaluation.tasks import threshold
from calame.evaluation.tasks.answers import exact, f1, measure_answers, number
from calame.evaluation.tasks.cloze import measure_cloze
from calame.evaluation.tasks.identify import language_f1
from calame.evaluation.tasks.manifest import read_manifest
from calame.evaluation.tasks.measure import measure_tasks
from calame.evaluation.tasks.options import measure_options, share
from calame.evaluation.tasks.page import lines, page, words
from calame.recipe.errors import UserError
from calame.recipe.evaluation import Evaluation

MODEL = decoder_of(spread=0.3, max_position_embeddings=256)
LOADED = loaded_of(MODEL)


def knows_nothing():
    """All entries alike, whatever was read."""
    model = decoder_of(max_position_embeddings=256)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return loaded_of(model)


def says(*answers: str):
    """A model that answers with these texts in turn, whatever is asked."""
    tokenizer = tokenizer_of()
    script = [[*tokenizer.encode(answer), tokenizer.special.eos] for answer in answers]
    return loaded_of(ScriptedModel(script, MODEL.config), tokenizer)


def test_the_likeliest_option_is_chosen_by_the_sum_and_by_bytes(tmp_path):
    chosen = chosen_of(tmp_path, "multiple_choice", ROWS["multiple_choice"])
    outcome = measure_options(LOADED, chosen, ("acc_norm", "acc"), lambda n: None)
    for item, row in zip(chosen.items, outcome.rows, strict=True):
        pairs = [(item.context(), item.continuation(option)) for option in item.options]
        sums = [found.logprob for found in score(LOADED, to_requests(LOADED.tokenizer, pairs))]
        assert row["logprobs"] == pytest.approx(sums, abs=1e-3)
        assert row["acc"] == float(np.argmax(sums) == item.right)
        by_byte = [one / len(option.encode()) for one, option in zip(sums, item.options, strict=True)]
        assert row["acc_norm"] == float(np.argmax(by_byte) == item.right)
    figure = outcome.figures["acc_norm"]
    assert figure.value == pytest.approx(np.mean([row["acc_norm"] for row in outcome.rows]))
    assert figure.chance == pytest.approx((1 / 2 + 1 / 3) / 2)  # items of two and of three options in turn
    assert figure.low <= figure.value <= figure.high


def test_of_options_that_are_as_likely_each_counts_for_its_share():
    assert share(np.array([1.0, 1.0, 0.0]), 0) == 0.5
    assert share(np.array([1.0, 2.0]), 0) == 0.0
    assert share(np.array([1.0, 2.0]), 1) == 1.0


def test_a_model_that_knows_nothing_is_at_chance_where_options_are_alike(tmp_path):
    rows = [{"question": f"{n} ?", "choices": ["Élise", "Élise", "Élise"], "answer": n % 3} for n in range(6)]
    outcome = measure_options(knows_nothing(), chosen_of(tmp_path, "multiple_choice", rows), ("acc",), lambda n: None)
    assert outcome.figures["acc"].value == pytest.approx(1 / 3)
    assert outcome.figures["acc"].chance == pytest.approx(1 / 3)


def test_answering_always_alike_is_the_chance_where_all_have_the_same_options(tmp_path):
    outcome = measure_options(LOADED, chosen_of(tmp_path, "nli", ROWS["nli"]), ("acc",), lambda n: None)
    assert outcome.figures["acc"].chance == pytest.approx(5 / 6)
    assert outcome.figures["acc"].chance_of == "the most frequent answer, always"


def test_what_does_not_fit_is_counted_and_in_no_number(tmp_path):
    """An option that is longer than the context leaves its item out; a context that is too long loses its beginning."""
    long = "la mer " * 400
    rows = [
        *ROWS["multiple_choice"],
        {"question": "Quoi ?", "choices": [long, "rien"], "answer": 0},
        {"question": long, "choices": ["oui", "non"], "answer": 0},
    ]
    outcome = measure_options(LOADED, chosen_of(tmp_path, "multiple_choice", rows), ("acc",), lambda n: None)
    assert (len(outcome.rows), outcome.unscored, outcome.cut) == (len(rows) - 1, 1, 1)


labels_and_means = st.lists(st.tuples(st.integers(0, 1), st.integers(-4, 4)), min_size=2, max_size=40)


@given(labels_and_means)
def test_mcc_auc_and_the_best_threshold_are_those_of_their_definitions(pairs):
    labels, means = (np.array(part) for part in zip(*pairs, strict=True))
    ups, downs = means[labels == 1], means[labels == 0]
    won = [(up > down) + (up == down) / 2 for up in ups for down in downs]
    assert threshold.auc(labels, means.astype(float)) == pytest.approx(np.mean(won) if won else 0.5)

    def correlation(cut: float) -> float:
        verdicts = (means >= cut).astype(int)
        if len(set(labels)) < 2 or len(set(verdicts)) < 2:
            return 0.0
        return float(np.corrcoef(labels, verdicts)[0, 1])

    cut = threshold.best_threshold(means.astype(float), labels)
    assert threshold.mcc(labels, (means >= cut).astype(int)) == pytest.approx(correlation(cut), abs=1e-9)
    between = [value - 0.5 for value in sorted(set(means))[1:]]
    assert correlation(cut) == pytest.approx(max(map(correlation, between), default=0.0), abs=1e-9)


def test_a_threshold_never_sees_the_label_that_it_judges():
    draw = np.random.default_rng(0)
    means, labels, folds = draw.normal(size=60), draw.integers(0, 2, 60), np.arange(60) % threshold.FOLDS
    verdicts = threshold.cross_judged(means, labels, folds)
    for fold in range(threshold.FOLDS):
        turned = np.where(folds == fold, 1 - labels, labels)
        assert (threshold.cross_judged(means, turned, folds)[folds == fold] == verdicts[folds == fold]).all()


def test_the_last_word_is_greedy_or_not_and_has_its_nats(tmp_path):
    chosen = chosen_of(tmp_path, "last_word", ROWS["last_word"])
    outcome = measure_cloze(knows_nothing(), chosen, ("acc", "nats"), lambda n: None)
    tokens = len(tokenizer_of().encode(" mer"))
    assert outcome.figures["nats"].value == pytest.approx(tokens * math.log(MODEL.config.vocab_size), abs=1e-3)
    assert outcome.figures["nats"].chance is None
    assert outcome.figures["acc"].chance == pytest.approx(1 / 8)  # la mer et la lune N et la


def test_answers_are_held_against_their_nearest_reference(tmp_path):
    chosen = chosen_of(tmp_path, "extractive_qa", ROWS["extractive_qa"])
    outcome = measure_answers(says("Bleu.", "un lac bleu"), chosen, ("f1", "exact"), lambda n: None)
    assert sorted(row["exact"] for row in outcome.rows) == [0.0] * 3 + [1.0] * 3
    assert sorted(row["f1"] for row in outcome.rows) == pytest.approx([2 / 3] * 3 + [1.0] * 3)
    assert outcome.figures["f1"].stderr == pytest.approx(np.std([2 / 3, 1] * 3, ddof=1) / 6**0.5)


def test_an_answer_of_nothing_is_wrong_and_an_answer_needs_room(tmp_path):
    chosen = chosen_of(tmp_path, "extractive_qa", ROWS["extractive_qa"])
    outcome = measure_answers(says(""), chosen, ("f1", "exact"), lambda n: None)
    assert outcome.figures["f1"].value == outcome.figures["exact"].value == 0.0
    assert outcome.figures["f1"].high > 0.3  # of six items
    with pytest.raises(UserError, match="leaves no place for a question"):
        measure_answers(loaded_of(decoder_of(max_position_embeddings=32)), chosen, ("f1",), lambda n: None)


@pytest.mark.parametrize(
    ("said", "reference", "language", "wanted"),
    (
        ("L’Élise !", "Élise", "fr", 1.0),
        ("the Red sea", "a red sea", "en", 1.0),
        ("un'amica di Elisa", "amica Elisa", "it", 0.8),
        ("rouge", "bleu", "fr", 0.0),
        ("", "", "fr", 1.0),
        ("le", "bleu", "fr", 0.0),
    ),
)
def test_words_in_common(said, reference, language, wanted):
    assert f1(said, reference, language) == pytest.approx(wanted)
    assert exact(said, reference, language) == float(wanted == 1.0)


@pytest.mark.parametrize(
    ("said", "language", "right"),
    (
        ("Il en reste 3, donc 1 234,5 euros.", "fr", "1234.5"),
        ("1.234", "it", "1234"),
        ("1,234.50", "en", "1234.5"),
        ("12.5", "fr", "12.5"),
        ("moins : -7", "fr", "-7"),
    ),
)
def test_the_last_number_is_read_by_the_marks_of_its_language(said, language, right):
    assert number(said, right, language) == 1.0
    assert number(said + " 8", right, language) == 0.0 and number("rien", right, language) == 0.0


def test_f1_of_a_language():
    pairs = [("fr", "fr"), ("fr", "it"), ("it", "fr"), ("it", "it")]
    assert language_f1(pairs, "fr") == 0.5 and language_f1(pairs, "de") == 0.0


def test_every_shape_of_a_folder_is_measured_or_named_with_its_reason(tmp_path):
    folder = folder_of(tmp_path / "evals")
    (folder / "fr-math.jsonl").unlink()
    (tmp_path / "out").mkdir()
    keys = Evaluation(tasks=["offline"], folder=str(folder), shots=1)
    found = measure_tasks(LOADED, keys, tmp_path / "out")
    results = {result["name"]: result for result in found["results"]}
    excluded = {one["name"]: one["reason"] for one in found["excluded"]}
    assert set(results) | set(excluded) == {f"fr-{shape}" for shape in ROWS}
    assert set(excluded) == {"fr-math", "fr-open_questions"}
    assert "no such file" in excluded["fr-math"] and "no reference answers" in excluded["fr-open_questions"]
    for name, result in results.items():
        head = result["figures"][result["headline"]]
        assert head["chance"] is not None and head["low"] <= head["value"] <= head["high"] and head["stderr"] >= 0
        rows = [json.loads(line) for line in (tmp_path / f"out/{name}.jsonl").read_text().splitlines()]
        assert len(rows) == result["items"] and len({row["id"] for row in rows}) == len(rows)
    assert results["fr-multiple_choice"]["shots"] == 1 and results["fr-multiple_choice"]["items"] == 5
    assert results["fr-minimal_pairs"]["parts"] == {
        part: {"value": results["fr-minimal_pairs"]["parts"][part]["value"], "items": 3} for part in "ab"
    }
    profile = found["profiles"]["offline-fr"]
    assert set(profile["categories"]) == {"language", "knowledge", "reasoning", "reading"}
    json.dumps(found)
    shown = page({"m": found})
    assert shown.count("<svg") == 2 and "fr-math" in shown  # bars, and the profile
    assert any("fr-nli" in line for line in lines({"m": found})) and words({"m": found})


def test_numbers_do_not_depend_on_what_else_is_measured(tmp_path):
    """Not on the limit's other items either: the same item has the same score."""
    folder = folder_of(tmp_path / "evals", "winograd", "nli")
    few, all_ = tmp_path / "few", tmp_path / "all"
    for out, tasks, limit in ((few, ["fr-nli"], 3), (all_, ["offline-fr"], None)):
        out.mkdir()
        measure_tasks(LOADED, Evaluation(tasks=tasks, folder=str(folder), limit=limit), out)
    rows = [
        {row["id"]: row["logprobs"] for row in map(json.loads, (out / "fr-nli.jsonl").read_text().splitlines())}
        for out in (few, all_)
    ]
    assert len(rows[0]) == 3
    for key, logprobs in rows[0].items():
        assert logprobs == pytest.approx(rows[1][key], abs=1e-3)


def test_names_that_no_task_has_and_a_folder_that_is_missing_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"evaluation.folder.*missing, for offline-it"):
        measure_tasks(LOADED, Evaluation(tasks=["offline-it"]), tmp_path)
    assert measure_tasks(LOADED, Evaluation(), tmp_path) is None


@pytest.mark.data
@pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA")
def test_every_task_of_the_real_folder_is_measured(tmp_path):
    """Each row of its files is an item, or one of the few that are left out and told."""
    folder = Path(os.environ["CALAME_DATA"]) / "evals"
    keys = Evaluation(tasks=["offline"], folder=str(folder), limit=4)
    found = measure_tasks(loaded_of(decoder_of(max_position_embeddings=2048)), keys, tmp_path)
    tasks = read_manifest(folder)
    assert {one["name"] for one in found["excluded"]} == {t.name for t in tasks if t.shape == "open_questions"}
    assert len(found["results"]) + len(found["excluded"]) == len(tasks)
    assert {f"offline-{language}" for language in ("fr", "it", "en")} == set(found["profiles"])
