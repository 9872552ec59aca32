"""Thresholds: given or found from a share, by language and source; what has no score stays, and is said to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.gather import KEY
from calame.corpus.quality.decide import Cell, decide, find_threshold
from calame.recipe.errors import UserError
from calame.recipe.quality import Quality

LANGUAGES = ["fr", "it"]


def keys(scores, languages=None, sizes=None) -> np.ndarray:
    found = np.zeros(len(scores), KEY)
    found["score"] = scores
    found["language"] = 0 if languages is None else languages
    found["bytes"] = 10 if sizes is None else sizes
    return found


def decided(quality: dict, **parts: np.ndarray) -> tuple[dict[str, list[bool]], list[Cell]]:
    waiting = {name: np.ones(len(part), bool) for name, part in parts.items()}
    poor, cells = decide(parts, dict.fromkeys(parts, LANGUAGES), Quality.model_validate(quality), waiting)
    return {name: mask.tolist() for name, mask in poor.items()}, cells


shares = st.floats(0.01, 1)
scores = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)


@given(scores, shares)
def test_a_share_keeps_at_least_itself_and_no_more_than_ties_ask(found, keep):
    found = np.array(found, np.float32)
    threshold, _ = find_threshold(found, None, keep)
    kept = (found >= np.float32(threshold)).sum()
    assert kept >= keep * len(found) - 1e-6
    assert (found > np.float32(threshold)).sum() < keep * len(found) + 1e-6


@pytest.mark.parametrize(("keep", "number", "kept"), [(0.85, 100, 85), (0.55, 100, 55), (0.85, 7, 6), (0.01, 3, 1)])
def test_a_share_is_rounded_up_to_whole_documents(keep, number, kept):
    found = np.linspace(0, 1, number, dtype=np.float32)
    assert (found >= find_threshold(found, None, keep)[0]).sum() == kept


@given(scores, shares, st.randoms())
def test_the_order_of_the_documents_does_not_matter(found, keep, draw):
    other = draw.sample(found, len(found))
    poor, _ = decided({"keep": keep}, web=keys(found))
    again, _ = decided({"keep": keep}, web=keys(other))
    gone = zip(found, poor["web"], strict=True), zip(other, again["web"], strict=True)
    assert sorted(gone[0]) == sorted(gone[1])


def test_each_source_and_language_has_its_threshold():
    web = keys([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], [0, 0, 0, 0, 1, 1, 1, 1])
    poor, cells = decided({"keep": {"fr": 0.5, "it": "75%"}}, web=web, books=keys([0.5, 0.6]))
    assert poor == {"web": [True, True, False, False, True, False, False, False], "books": [True, False]}
    assert [(cell.source, cell.language, cell.kept) for cell in cells] == [
        ("web", "fr", 2),
        ("web", "it", 3),
        ("books", "fr", 1),
    ]
    assert cells[0].reason == "the best 50 % -> threshold 0.3"


def test_a_threshold_goes_before_a_share_and_is_exact():
    poor, cells = decided({"threshold": {"fr": 0.7}, "keep": 0.5}, web=keys([0.7, 0.6999, 0.1, 0.2], [0, 0, 1, 1]))
    assert poor["web"] == [False, True, True, False]
    assert [cell.reason for cell in cells] == ["threshold 0.7, as given", "the best 50 % -> threshold 0.2"]


def test_a_language_that_no_rule_names_stays_whole_and_is_said_to():
    poor, cells = decided({"keep": {"fr": 0.5}}, web=keys([0.1, 0.2, 0.1, 0.2], [0, 0, 1, 1]))
    assert poor["web"] == [True, False, False, False]
    assert (cells[1].threshold, cells[1].reason) == (None, "no rule for this language")


def test_only_the_named_sources_are_judged_each_by_its_own_rule():
    rule = {"keep": 0.5, "sources": {"web": {}, "forum": {"keep": 0.25}}}
    found = [0.1, 0.2, 0.3, 0.4]
    poor, cells = decided(rule, web=keys(found), forum=keys(found), books=keys([np.nan] * 4))
    assert [sum(poor[name]) for name in ("web", "forum", "books")] == [2, 3, 0]
    assert {cell.source for cell in cells} == {"web", "forum"}


def test_what_was_dropped_before_is_neither_judged_nor_counted():
    part = keys([0.1, 0.2, 0.3, 0.4], sizes=[1, 2, 4, 8])
    waiting = {"web": np.array([False, True, True, False])}
    poor, (cell,) = decide({"web": part}, {"web": LANGUAGES}, Quality(keep=0.5), waiting)
    assert poor["web"].tolist() == [False, True, False, False]
    assert (cell.documents, cell.kept, cell.bytes, cell.kept_bytes) == (2, 1, 6, 4)


def test_documents_without_a_score_stay_and_are_counted():
    poor, (cell,) = decided({"scorer": "column", "keep": 0.5}, web=keys([0.1, np.nan, 0.9, np.nan]))
    assert poor["web"] == [True, False, False, False]
    assert cell.unscored == 2 and "2 have no score and stay" in str(cell)


def test_every_source_without_any_score_is_named():
    with pytest.raises(UserError) as error:
        decided({"scorer": "column"}, web=keys([np.nan]), books=keys([0.5]), forum=keys([np.nan]))
    assert [problem.where for problem in error.value.problems] == ["corpus.sources.web", "corpus.sources.forum"]
