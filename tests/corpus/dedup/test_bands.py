"""Bands: chosen from the S-curve, and finding what the S-curve says."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.dedup.bands import Bands, Buckets, choose_bands
from calame.corpus.dedup.shingles import jaccard, shingles
from calame.corpus.pool import Pool
from calame.recipe.dedup import Dedup, Near
from corpus.dedup.near_text import write_sources


@given(st.integers(16, 256), st.floats(0.3, 1), st.floats(0.5, 0.99))
def test_as_many_rows_as_the_recall_allows(permutations, at, recall):
    near = Near(permutations=permutations, jaccard=at, recall=recall)
    if 1 - (1 - at) ** permutations < recall:
        return  # refused with the recipe
    bands = choose_bands(near)
    assert bands.number * bands.rows <= permutations
    assert bands.acceptance(at) >= recall
    more = Bands(permutations // (bands.rows + 1), bands.rows + 1)
    assert bands.rows == permutations or more.acceptance(at) < recall


def test_the_default_finds_97_in_100_and_more_at_its_threshold():
    bands = choose_bands(Near())
    assert (bands.number, bands.rows) == (21, 6)
    assert bands.acceptance(0.8) > 0.99 and bands.acceptance(0.3) < 0.02


@pytest.mark.parametrize(
    ("at", "accepted"), [(0.70, 0.026), (0.75, 0.077), (0.80, 0.204), (0.85, 0.461), (0.90, 0.806), (0.95, 0.990)]
)
def test_rodins_bands_have_rodins_curve(at, accepted):
    assert choose_bands(Near(method="rodin")).acceptance(at) == pytest.approx(accepted, abs=6e-4)


def pairs(folder, near: Near, texts: list[tuple[str, str]]) -> list[bool]:
    """Whether each pair of texts is a pair of candidates."""
    found = write_sources(folder, {"a": [text for pair in texts for text in pair]}, Dedup(near=near))
    pool = Pool.open(found)
    assert len(pool.keys) == 2 * len(texts)
    buckets = Buckets(pool, near, choose_bands(near))
    members, candidates = set(buckets.members.tolist()), []
    for number in range(len(texts)):
        seen = False
        if {2 * number, 2 * number + 1} <= members:
            buckets.earlier(2 * number)
            buckets.keep(2 * number)
            seen = 2 * number in buckets.earlier(2 * number + 1)[0]
        candidates.append(seen)
    return candidates


def deviations(found: list[bool], expected: list[float]) -> float:
    """By how many standard deviations the number found differs from what the curve says of these pairs."""
    spread = sum(p * (1 - p) for p in expected) ** 0.5
    return (sum(found) - sum(expected)) / spread


@pytest.mark.parametrize("words_changed", [6, 10])
def test_pairs_are_found_as_often_as_the_curve_says(tmp_path, words_changed):
    draw, near, texts = random.Random(words_changed), Near(permutations=64, recall=0.5), []
    for _ in range(400):
        words = [str(draw.randrange(10**9)) for _ in range(240)]
        other = list(words)
        for at in draw.sample(range(240), words_changed):
            other[at] = "x"
        texts.append((" ".join(words), " ".join(other)))
    expected = [choose_bands(near).acceptance(jaccard(*(shingles(text, 5) for text in pair))) for pair in texts]
    assert 0.1 < sum(expected) / len(expected) < 0.95
    assert abs(deviations(pairs(tmp_path, near, texts), expected)) < 4


def test_rodin_finds_as_often_as_its_curve_says(tmp_path):
    """Around a Jaccard index of 0.85 of what it compares (5 characters): far from all, as it goes unverified."""
    from calame.corpus.dedup import rodin

    draw, near, texts = random.Random(3), Near(method="rodin"), []
    for _ in range(150):
        text = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=2000))
        cut = draw.randrange(100, 500)
        texts.append((text, text[cut:]))
    expected = [choose_bands(near).acceptance(jaccard(*map(rodin.shingles, pair))) for pair in texts]
    assert min(expected) < 0.2 < 0.8 < max(expected)
    assert abs(deviations(pairs(tmp_path, near, texts), expected)) < 4


def test_kept_documents_are_remembered_and_others_are_not(tmp_path):
    near, text = Near(), "un texte que quatre documents ont en commun et qui est assez long"
    found = write_sources(tmp_path, {"a": [text + "." * n for n in range(5)]}, Dedup(near=near))
    buckets = Buckets(Pool.open(found), near, choose_bands(near))
    assert buckets.members.tolist() == [0, 1, 2, 3, 4]
    buckets.keep(0)
    assert buckets.earlier(1)[0].tolist() == [0]
    buckets.keep(2)  # 1 was not kept
    earlier, shared = buckets.earlier(4)
    assert earlier.tolist() == [0, 2] and shared.tolist() == [21, 21]
