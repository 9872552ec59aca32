"""Scores on the road: a stage a source, thresholds in the joined corpus, a ledger that balances, nothing redone."""

from pathlib import Path

import numpy as np
import pytest

from calame.cli import main
from calame.corpus.decisions import POOR, read_decisions
from calame.corpus.gather import read_documents
from calame.corpus.join import read_ledgers
from calame.corpus.kept import read_kept
from calame.corpus.quality.heuristic import HeuristicScorer
from calame.corpus.quality.labelled import read_labelled
from calame.corpus.quality.linear import train_linear
from calame.corpus.quality.stage import read_scores, score_documents
from calame.run.files import read_json
from corpus.quality.planted import planted
from support import made_by, write_lines

RUN = Path("runs/toy/corpus")


def run(toy, **changes) -> int:
    return main(["run", toy.recipe(**changes), "--to", "corpus"])


def test_the_poorest_documents_go_by_name_and_the_ledger_balances(toy, capsys):
    assert run(toy, corpus__quality={"keep": {"fr": "80%"}, "sources": {"contes": {}}}) == 0
    scores, decisions = read_scores(RUN / "quality/contes"), read_decisions(RUN / "joined", "contes")
    documents = list(read_documents(RUN / "sources/contes"))
    assert (scores == HeuristicScorer().score_many([d.text for d in documents], ["fr"] * 30)).all()
    assert (decisions == POOR).sum() == 6 and scores[decisions == POOR].max() < scores[decisions != POOR].min()
    ledgers = read_ledgers(RUN / "joined")
    assert ledgers["contes"].dropped["low quality"].documents == 6
    assert all(ledger.balances() for ledger in ledgers.values()) and not ledgers["fiabe"].dropped
    said = read_json(RUN / "joined/quality.json")
    (cell,) = said["cells"]
    threshold = scores[decisions != POOR].min()
    assert (said["scorer"], cell["source"], cell["language"], cell["kept"]) == ("heuristic", "contes", "fr", 24)
    assert cell["threshold"] == pytest.approx(threshold) and cell["reason"].startswith("the best 80 % -> threshold")
    assert "contes/fr: 24 of 30 documents stay" in capsys.readouterr().out
    assert not (RUN / "quality/fiabe").exists()


def test_what_is_kept_carries_its_score(toy):
    assert run(toy, corpus__quality={"keep": 0.5, "sources": {"contes": {}}}) == 0
    kept = list(read_kept(RUN / "sources/contes", RUN / "joined", "contes"))
    scores = read_scores(RUN / "quality/contes")
    assert len(kept) == 15 and all(one.document.metadata["score"] == scores[one.row] for one in kept)
    plain = list(read_kept(RUN / "sources/fiabe", RUN / "joined", "fiabe"))
    assert len(plain) == 30 and not any("score" in one.document.metadata for one in plain)


def test_another_threshold_scores_nothing_again(toy, monkeypatch):
    made = made_by(monkeypatch)
    assert run(toy, corpus__quality={"keep": 0.8}) == 0
    assert made == ["corpus/contes", "corpus/fiabe", "quality/contes", "quality/fiabe", "corpus"]
    made.clear()
    assert run(toy, corpus__quality={"threshold": {"fr": 0.1}, "keep": 0.9}) == 0
    assert made == ["corpus"]
    made.clear()
    assert run(toy) == 0  # without quality: the joined corpus alone
    assert made == ["corpus"] and not (RUN / "quality/contes").exists()


def test_a_trained_classifier_scores_and_another_one_scores_again(toy, monkeypatch):
    for name, seed in (("one", 0), ("two", 1)):
        write_lines(toy.folder / "labels.jsonl", planted(60, 2, seed))
        train_linear(read_labelled(["labels.jsonl"]), "words", seed).save(toy.folder / name)
    made = made_by(monkeypatch)
    quality = {"scorer": "linear", "from": "one", "sources": {"contes": {}}}
    assert run(toy, corpus__quality=quality) == 0
    made.clear()
    (toy.folder / "one").rename(toy.folder / "moved")
    assert run(toy, corpus__quality={**quality, "from": "moved"}) == 0
    assert made == []  # the same classifier elsewhere
    assert run(toy, corpus__quality={**quality, "from": "two"}) == 0
    assert made == ["quality/contes", "corpus"]


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ({"scorer": "linear"}, "corpus.quality.from: missing, with scorer linear"),
        ({"scorer": "linear", "from": "contes"}, "no classifier in it"),
        ({"scorer": "heuristic", "from": "contes"}, "scorer heuristic is not trained"),
        ({"keep": "120%"}, "corpus.quality.keep: '120%' is not greater than 0 and at most 1"),
        ({"keep": {"french": 0.5}}, "corpus.quality.keep: french: no language"),
        ({"keep": {"en": 0.5}}, "corpus.quality.keep: en is not in languages"),
        ({"sources": {"web": {}}}, "corpus.quality.sources: no source is called web"),
        ({"sources": {"contes": {"threshold": {"de": 0.5}}}}, "sources.contes.threshold: de is not in languages"),
        ({"sources": {"contes": {"kep": 0.5}}}, "unknown key 'kep'"),
        ({"scorer": "column"}, "corpus.sources.contes: has no scores"),
    ],
)
def test_mistakes_are_told_with_their_key(quality, said, toy, capsys):
    assert run(toy, corpus__quality=quality) == 2
    assert said in capsys.readouterr().err


def test_scoring_in_batches_keeps_the_order(toy, monkeypatch):
    monkeypatch.setattr("calame.corpus.quality.stage.BATCH_DOCUMENTS", 7)
    assert run(toy) == 0
    documents = list(read_documents(RUN / "sources/fiabe"))
    found = score_documents("fiabe", iter(documents), HeuristicScorer())
    whole = HeuristicScorer().score_many([d.text for d in documents], [d.language for d in documents])
    np.testing.assert_array_equal(found, whole)
