"""MinHash signatures: exactly what their definition says, and as good an estimate as theory promises."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.dedup import rodin
from calame.corpus.dedup.shingles import jaccard, odd_numbers, shingles
from calame.corpus.dedup.signature import AT_ONCE, SIGNATURES, SignatureFile, minima, signature, width
from calame.recipe.dedup import Dedup, Near
from corpus.dedup.near_text import changed, words_of, write_sources

number32 = st.integers(0, 2**32 - 1)


@given(st.lists(number32, max_size=20, unique=True), st.integers(1, 40))
def test_signatures_equal_big_integer_arithmetic(numbers, permutations):
    a = [int(x) % 2**32 for x in odd_numbers(permutations, 2)]
    b = [int(x) >> 32 for x in odd_numbers(permutations, 3)]
    expected = [min([(a_ * x + b_) % 2**32 for x in numbers], default=2**32 - 1) for a_, b_ in zip(a, b, strict=True)]
    assert minima(np.array(numbers, np.uint32), permutations).tolist() == expected
    assert all(a_ % 2 for a_ in a)  # else it is no permutation


@given(st.lists(number32, max_size=20, unique=True))
def test_rodins_signatures_equal_big_integer_arithmetic(numbers):
    """Its own code took 2^64 for 2 modulo 2^61 - 1, and its self-test could not see it."""
    prime = 2**61 - 1
    a, b = ([int(x) for x in part.ravel()] for part in rodin._permutations())
    images = ([(a_ * x + b_) % prime % 2**32 for x in numbers] for a_, b_ in zip(a, b, strict=True))
    expected = [min(image, default=2**32 - 1) for image in images]
    assert rodin.minima(np.array(numbers, np.uint64)).tolist() == expected
    assert all(0 < a_ < prime for a_ in a) and all(0 <= b_ < prime for b_ in b)


@given(st.integers(1, 2**61 - 2), number32)
def test_products_modulo_the_prime(a, x):
    assert int(rodin.times(np.array([a], np.uint64), np.array([x], np.uint64))[0]) == a * x % (2**61 - 1)


def test_a_set_that_is_worked_on_in_parts_has_the_same_signature():
    numbers = np.random.default_rng(1).integers(0, 2**32, 3 * AT_ONCE + 1, dtype=np.uint32)
    parts = [minima(part, 64) for part in np.array_split(numbers, 7)]
    assert (minima(numbers, 64) == np.min(parts, axis=0)).all()


@pytest.mark.parametrize("share", [0.01, 0.03, 0.08])
def test_signatures_agree_in_proportion_to_the_jaccard_index(share):
    draw, near, errors = random.Random(1), Near(permutations=256), []
    for _ in range(40):
        words = words_of(draw, 300)
        one, other = " ".join(words), " ".join(changed(draw, words, share))
        same = np.mean(signature(one, near)[1:] == signature(other, near)[1:])
        errors.append(same - jaccard(shingles(one, 5), shingles(other, 5)))
    # 256 permutations: a standard deviation of at most 0.031 each, 0.005 of the mean of 40 pairs
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 0.045


def test_a_row_begins_with_the_number_of_shingles():
    near = Near(permutations=16)
    assert signature("un deux trois quatre cinq six un deux", near)[0] == 4
    assert signature("…", near).tolist() == [0, *[2**32 - 1] * 16]
    assert len(signature("un", near)) == width(near) == 17
    assert len(signature("un", Near(method="rodin"))) == width(Near(method="rodin")) == 129


def test_signatures_are_the_same_for_ever():
    """A stage that is up to date is not made again: another version must not read these as its own."""
    text = "Le roi n’avait qu’une fille, et il marcha sept jours vers la mer."
    found = {method: signature(text, Near(method=method))[:3].tolist() for method in ("verified", "rodin")}
    assert found == {"verified": [11, 609677738, 36018768], "rodin": [61, 82553351, 70327500]}


def test_signatures_are_written_document_by_document(tmp_path):
    texts = [f"texte numéro {n} de ce petit corpus sans suite" for n in range(10)]
    near = Near(permutations=32)
    folder = write_sources(tmp_path, {"a": [*texts, ""]}, Dedup(near=near))["a"]
    file = SignatureFile(folder, near)
    assert (file.rows(0, 100) == [signature(text, near) for text in texts]).all()
    assert (file.rows(3, 2) == [signature(text, near) for text in texts[3:5]]).all()
    assert (folder / SIGNATURES).stat().st_size == 10 * width(near) * 4


def test_rodin_reads_three_windows_of_characters():
    text = "".join(random.Random(1).choices("abcdefghij", k=20_000))
    outside = text[:5_000] + "#" * 100 + text[5_100:]
    inside = text[:1_000] + "#" * 100 + text[1_100:]
    far = text + " " * 100_000 + "ABCDE"
    assert (rodin.shingles(outside) == rodin.shingles(text)).all()
    assert len(np.setdiff1d(rodin.shingles(inside), rodin.shingles(text)))
    assert (rodin.shingles(far) == rodin.shingles(text)).all()
    assert (rodin.shingles("Un  DEUX\ntrois") == rodin.shingles("un deux trois")).all()
    assert len(rodin.shingles("ab")) == 1 and not len(rodin.shingles(" "))
