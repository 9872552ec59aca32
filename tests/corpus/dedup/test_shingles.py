"""Shingle sets as numbers compare as the sets of words themselves do."""

import random
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus import words as words_module
from calame.corpus.dedup.shingles import jaccard, shingles
from calame.corpus.words import word_hashes
from corpus.dedup.near_text import reference, reference_jaccard, words_of

text = st.text(st.sampled_from("aàbÉ'’ \n.«0_ı"), max_size=60)


@given(text, text, st.integers(1, 6))
def test_sets_of_numbers_are_sets_of_shingles(one, other, ngram):
    first, second = shingles(one, ngram), shingles(other, ngram)
    assert len(first) == len(reference(one, ngram)) and len(second) == len(reference(other, ngram))
    assert (np.diff(first.astype(object)) > 0).all()
    assert jaccard(first, second) == jaccard(second, first) == reference_jaccard(one, other, ngram)


def test_spaces_case_and_quotation_marks_do_not_count():
    one, other = "Il dit : « L’été est là ! » et partit", 'il DIT:  "l\'été\n\nest là" et partit.'
    assert jaccard(shingles(one, 5), shingles(other, 5)) == 1
    assert jaccard(shingles(one, 5), shingles(one.replace("été", "hiver"), 5)) < 1


def test_words_are_letters_digits_and_underscores():
    text = "L’ÉTÉ n°3, aujourd'hui: x_1 — café ΣΑΣ 你好"
    expected = ["l", "été", "n", "3", "aujourd", "hui", "x_1", "café", "σας", "你好"]
    assert (word_hashes(text) == [word_hashes(word)[0] for word in expected]).all()


@given(st.text(max_size=40))
def test_words_of_any_text(text):
    expected = re.findall(r"\w+", text.lower())
    assert word_hashes(text).tolist() == [int(word_hashes(word)[0]) for word in expected]


@pytest.mark.parametrize("alphabet", ["ab", "aé日"])
def test_different_words_have_different_numbers(alphabet):
    every = ["".join(word) for size in range(1, 11) for word in product(alphabet, repeat=size)]
    assert len(set(word_hashes(" ".join(every)).tolist())) == len(every)


def test_a_long_text_is_cut_between_words(monkeypatch):
    draw = random.Random(1)
    text = " ".join(words_of(draw, 400)) + " " + "x" * 300 + ". fin"
    whole = word_hashes(text)
    monkeypatch.setattr(words_module, "AT_ONCE", 128)
    parts = word_hashes(text)
    assert parts[:400].tolist() == whole[:400].tolist() and parts[-1] == whole[-1]
    assert len(parts) > len(whole)  # a word of more than AT_ONCE characters is cut


def test_a_short_text_is_one_shingle_and_a_text_without_words_has_none():
    assert len(shingles("deux mots", 5)) == 1
    assert len(shingles("… !", 5)) == 0
    assert jaccard(shingles("…", 5), shingles("!", 5)) == 0  # nothing is no resemblance


@pytest.mark.parametrize("words_", [["a", "b"], ["b", "a"], ["ab", "a"], ["a", "a"]])
def test_the_order_of_words_counts(words_):
    assert jaccard(shingles("a b c d e f", 2), shingles(" ".join(words_), 2)) == (1 / 5 if words_ == ["a", "b"] else 0)


def test_the_numbers_are_the_same_for_ever():
    """They lie in files that other versions of Python and numpy read."""
    assert [hex(number) for number in shingles("un deux trois", 2)] == ["0x6dd6928ba9e01cd5", "0x97866cbf02640e71"]
