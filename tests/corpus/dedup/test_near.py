"""Near duplicates: what goes has a kept document that it resembles, what stays has none, and the ledger closes."""

import json
import random
from itertools import combinations

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.corpus.decisions import DUPLICATE, NEAR, TRAIN, VALIDATION
from calame.corpus.dedup import near as near_module
from calame.corpus.dedup.bands import Bands
from calame.corpus.join import read_ledgers
from calame.run.files import read_json
from corpus.dedup.near_text import changed, decisions, reference_jaccard, words_of

FILLER = 12  # documents that resemble nothing, so that validation can be reserved


def filler(seed: int = 99) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(words_of(draw, 40)) for _ in range(FILLER)]


def lines_of(folder) -> list[dict]:
    data = zstandard.ZstdDecompressor().stream_reader((folder / "joined/near.jsonl.zst").read_bytes()).read()
    return [json.loads(line) for line in data.splitlines()]


def family(draw: random.Random, number: int) -> list[str]:
    """A text and variants of it at all distances."""
    words = words_of(draw, draw.randint(30, 120))
    return [" ".join(changed(draw, words, draw.choice([0, 0.01, 0.02, 0.03, 0.05, 0.2]))) for _ in range(number)]


@given(st.integers(0, 2**32), st.sampled_from([0.5, 0.8, 1.0]))
@settings(max_examples=15)
def test_what_goes_resembles_a_kept_one_and_what_stays_does_not(tmp_path_factory, seed, threshold):
    """Against the comparison of all pairs of word sets. Nothing is missed: 512 permutations find all of so few."""
    folder, draw = tmp_path_factory.mktemp("near"), random.Random(seed)
    texts = [text for _ in range(4) for text in family(draw, draw.randint(1, 6))]
    draw.shuffle(texts)
    cut = draw.randrange(len(texts))
    sources = {"first": [*texts[:cut], *filler(1)], "second": [*texts[cut:], *filler(2)]}
    near = {"jaccard": threshold, "permutations": 512, "recall": 0.999999, "same_side": max(threshold, 0.6)}
    found = decisions(folder, sources, near=near)

    kept: list[str] = []
    expected: dict[str, list[int]] = {"first": [], "second": []}
    for name, part in sources.items():
        for text in part:
            equal = text in kept or any(text == other for other, goes in _before(sources, expected) if goes)
            goes = any(reference_jaccard(text, other) >= threshold for other in kept)
            expected[name].append(DUPLICATE if equal else NEAR if goes else TRAIN)
            if expected[name][-1] == TRAIN:
                kept.append(text)
    for name in sources:
        assert [TRAIN if decision == VALIDATION else decision for decision in found[name]] == expected[name]
    for line in lines_of(folder):
        name, row = line["of"]
        assert found[name][row] in (TRAIN, VALIDATION)
        assert line["jaccard"] == reference_jaccard(sources[line["source"]][line["row"]], sources[name][row])
    for ledger in read_ledgers(folder / "joined").values():
        assert ledger.balances()


def _before(sources, expected):
    return [
        (text, decision) for name in expected for text, decision in zip(sources[name], expected[name], strict=False)
    ]


def test_the_first_source_keeps_the_text(tmp_path):
    text = " ".join(words_of(random.Random(1), 60))
    sources = {"web": [*filler(1), text + " fin"], "books": [text, *filler(2)]}
    assert decisions(tmp_path, sources, near={})["books"][0] == NEAR
    ledger = read_ledgers(tmp_path / "joined")["books"]
    assert ledger.dropped["near duplicate"].documents == 1
    assert ledger.dropped["near duplicate"].bytes == len(text.encode())
    (tmp_path / "turned").mkdir()
    turned = {"books": sources["books"], "web": sources["web"]}
    assert decisions(tmp_path / "turned", turned, near={})["web"][-1] == NEAR


def test_duplicates_among_neighbours_are_seen(tmp_path):
    """RODIN-1B's lookups did not see the documents that were not written yet."""
    draw = random.Random(2)
    copies = [text for _ in range(30) for text in [" ".join(words_of(draw, 80))] for text in (text, text + " fin")]
    found = decisions(tmp_path, {"a": [*copies, *filler()]}, near={})["a"]
    assert [decision == NEAR for decision in found] == [False, True] * 30 + [False] * FILLER


def test_a_chain_drops_only_what_a_kept_document_stands_for(tmp_path):
    """a resembles b, b resembles c, a does not resemble c: b goes, c stays, and a and c are on one side."""
    words = words_of(random.Random(3), 100)
    a, b, c = (" ".join(words[start : start + 90]) for start in (0, 5, 10))
    assert reference_jaccard(a, b) > 0.85 < reference_jaccard(b, c) and reference_jaccard(a, c) < 0.85
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = decisions(folder, {"a": [a, b, c, *filler(seed)]}, share=0.3, near={"jaccard": 0.85, "same_side": 1.0})
        assert found["a"][1] == NEAR
        assert NEAR not in (found["a"][0], found["a"][2])
        near = {"jaccard": 0.85, "same_side": 0.7}
        (folder / "tied").mkdir()
        tied = decisions(folder / "tied", {"a": [a, b, c, *filler(seed)]}, share=0.3, near=near)["a"]
        assert tied[0] == tied[2]


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_what_resembles_stays_on_one_side_of_validation(tmp_path_factory, seed):
    """Across sources and across groups, whatever the share that is reserved. All pairs are compared here: below the
    threshold at which documents go, a pair is otherwise found with the probability that the curve says."""
    folder, draw = tmp_path_factory.mktemp("sides"), random.Random(seed)
    texts = [text for _ in range(8) for text in family(draw, draw.randint(1, 4))]
    draw.shuffle(texts)
    rows = [{"text": text, "group": f"g{draw.randrange(60)}"} for text in texts]
    cut = len(rows) // 2
    sources = {
        "first": [*rows[:cut], *({"text": text} for text in filler(1))],
        "second": [*rows[cut:], *({"text": text} for text in filler(2))],
    }
    near = {"permutations": 256, "same_side": 0.5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_module, "choose_bands", lambda _: Bands(256, 1))
        found = decisions(folder, sources, share=draw.choice([0.05, 0.2, 0.4]), near=near)
    flat = [(row, d) for name in sources for row, d in zip(sources[name], found[name], strict=True)]
    placed = [(row, decision) for row, decision in flat if decision in (TRAIN, VALIDATION)]
    assert {decision for _, decision in placed} == {TRAIN, VALIDATION}
    for (one, first), (other, second) in combinations(placed, 2):
        if reference_jaccard(one["text"], other["text"]) >= 0.5:
            assert first == second


def test_more_candidates_than_are_compared_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(near_module, "MOST_COMPARED", 2)
    draw = random.Random(4)
    words = words_of(draw, 100)
    texts = [" ".join(changed(draw, words, 0.02)) for _ in range(12)]
    found = decisions(tmp_path, {"a": [*texts, texts[-1] + " fin", *filler()]}, near={"jaccard": 0.9})["a"]
    assert [decision == NEAR for decision in found[:13]] == [False] * 12 + [True]
    assert read_json(tmp_path / "joined/near.json")["more candidates than compared"] > 0


def test_texts_without_words_and_of_one_word(tmp_path):
    found = decisions(tmp_path, {"a": ["…", "!", "mot", "Mot !", "autre", *filler()]}, near={})["a"]
    assert [decision == NEAR for decision in found[:5]] == [False, False, False, True, False]


def test_rodin_drops_unverified_and_says_no_jaccard_index(tmp_path):
    """A pair far below 0.8 by words goes if its characters share a band, which our default never does."""
    draw = random.Random(5)
    text = "".join(draw.choices("abcdefgh", k=3000))  # one word
    sources = {"a": [text, text[:2950], *filler()]}
    assert decisions(tmp_path, sources, near={"method": "rodin"})["a"][1] == NEAR
    assert lines_of(tmp_path)[0] == {"source": "a", "row": 1, "of": ["a", 0], "jaccard": None}
    (tmp_path / "ours").mkdir()
    assert NEAR not in decisions(tmp_path / "ours", sources, near={})["a"]


def test_nothing_is_left_behind_and_the_curve_is_drawn(tmp_path):
    decisions(tmp_path, {"a": [*filler(), filler()[0] + " fin"]}, near={})
    names = {path.name for path in (tmp_path / "joined").iterdir()}
    assert names == {"a.npy", "ledger.json", "validation.json", "near.json", "near.svg", "near.jsonl.zst"}
    report = read_json(tmp_path / "joined/near.json")
    assert dict(map(tuple, report["acceptance"]))[0.8] == pytest.approx(1 - (1 - 0.8**6) ** 21)
    assert report["went"] == 1 and sum(report["compared"].values()) >= 1
    assert (tmp_path / "joined/near.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')


def test_off_writes_what_it_always_wrote(tmp_path):
    decisions(tmp_path, {"a": filler()})
    assert {path.name for path in (tmp_path / "joined").iterdir()} == {"a.npy", "ledger.json", "validation.json"}
    assert np.load(tmp_path / "joined/a.npy").dtype == np.uint8
