"""The linear classifier learns what is planted, says how sure it is, and is the same every time."""

import numpy as np
import pytest

from calame.corpus.quality.labelled import read_labelled
from calame.corpus.quality.linear import FEATURES, LinearScorer, train_linear
from calame.corpus.quality.measure import area, calibration_error
from calame.corpus.quality.scorer import open_scorer
from calame.corpus.quality.train import train_classifier
from calame.recipe.errors import UserError
from calame.run.files import read_json
from corpus.quality.planted import planted
from support import folder_digest, write_lines


@pytest.fixture
def examples(tmp_path):
    write_lines(tmp_path / "labels.jsonl", planted(400))
    return read_labelled([str(tmp_path / "labels.jsonl")])


def fresh(folder, grades: int = 3):
    """Documents that no training saw."""
    write_lines(folder / "fresh.jsonl", planted(300, grades, seed=9))
    return read_labelled([str(folder / "fresh.jsonl")])


@pytest.mark.parametrize("features", FEATURES)
def test_it_learns_a_planted_distinction_of_three_grades(features, examples, tmp_path):
    scorer, held = train_linear(examples, features, 0), fresh(tmp_path)
    scores = scorer.score_many(held.texts, held.languages)
    assert scores.dtype == np.float32 and scores.min() >= 0 and scores.max() <= 1
    assert area(scores, held.grades) > 0.97
    assert calibration_error(scores, held.grades, 2) < 0.15


def test_it_learns_nothing_where_there_is_nothing(tmp_path):
    rows = planted(400, 2)
    labels = [row["label"] for row in planted(400, 2, seed=5)]  # of other documents
    write_lines(tmp_path / "labels.jsonl", [{**row, "label": label} for row, label in zip(rows, labels, strict=True)])
    scorer, held = train_linear(read_labelled([str(tmp_path / "labels.jsonl")]), "both", 0), fresh(tmp_path, 2)
    scores = scorer.score_many(held.texts, held.languages)
    assert 0.4 < area(scores, held.grades) < 0.6
    assert scores.std() < 0.2  # and it knows that it does not know


def test_a_score_is_of_its_own_text_alone(examples):
    scorer = train_linear(examples, "both", 0)
    texts = ["", "mal", *examples.texts[:40], "x" * 30_000]
    alone = np.concatenate([scorer.score_many([text], ["fr"]) for text in texts])
    assert (alone == scorer.score_many(texts, ["fr"] * len(texts))).all()
    assert len(scorer.score_many([], [])) == 0


def test_the_same_examples_and_seed_give_the_same_files_and_scores(examples, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_linear(examples, "words", seed).save(tmp_path / name)
    digests = [folder_digest(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1] != digests[2]
    scorer, loaded = train_linear(examples, "words", 3), open_scorer("linear", tmp_path / "a")
    assert (scorer.score_many(*of(examples)) == loaded.score_many(*of(examples))).all()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["quality.json", "weights.safetensors"]


def of(examples):
    return examples.texts, examples.languages


def test_training_says_what_it_reached_on_documents_that_it_did_not_see(examples, tmp_path):
    lines = train_classifier(examples, lambda learnt: train_linear(learnt, "both", 0), tmp_path / "to", 0)
    about = read_json(tmp_path / "to/quality.json")
    reached = about["held out"]["all"]
    assert about["learnt from"] + reached["documents"] == len(examples)
    assert reached["low"] <= reached["auc"] <= reached["high"] and reached["auc"] > 0.9
    assert f"AUC {reached['auc']:.3f} [{reached['low']:.3f}, {reached['high']:.3f}]" in "\n".join(lines)


def test_a_folder_that_holds_something_is_not_written_to(examples, tmp_path):
    with pytest.raises(UserError, match="not empty"):
        train_classifier(examples, lambda learnt: train_linear(learnt, "words", 0), tmp_path, 0)


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no classifier in it(.|\n)*calame corpus quality train"):
        LinearScorer.load(tmp_path)
