"""RODIN's formula, against the same formula written out slowly; one list of stop words a language."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calame.corpus.quality.heuristic import HeuristicScorer
from calame.corpus.quality.stop_words import STOP_WORDS
from calame.recipe.errors import UserError


def slowly(text: str, language: str) -> float:
    head = text[:2000]
    shares = [head.count(c) / len(head) for c in set(head)]
    entropy = -sum(share * math.log(share, 2) for share in shares)
    words = re.findall(r"[^\W\d_]+", text.lower())[:500]
    opening = re.findall(r"[^\W\d_]+", text[:3000].lower())
    distinct = len(set(words)) / len(words) if words else 0
    stop = len([word for word in opening if word in STOP_WORDS[language]]) / len(opening) if opening else 0
    return 0.5 * min(1, max(0, (entropy - 2.5) / 2.5)) + 0.3 * distinct + 0.2 * stop


words = st.lists(st.sampled_from(["le", "chat", "était", "42", "l’eau", "y", "…", "«", "maison", "perché"]))


@given(words.map(" ".join))
@example("mot " * 750)  # its 500 words and its 3,000 characters end together
@example(" ".join(f"mot{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(600)))
@example("le " * 1200)
@example("a" * 3001)
@example("")
def test_it_is_the_formula(text):
    found = HeuristicScorer().score_many([text], ["fr"])
    assert found.dtype == np.float32 and found == pytest.approx([slowly(text, "fr")], abs=1e-6)
    assert 0 <= found[0] <= 1


def test_a_sentence_is_worth_more_than_noise_or_one_word_again_and_again():
    texts = ["La pluie tombait sur la ville, et le fleuve montait chaque nuit.", "xkcd qqq zz 0000 §§§§", "chat " * 60]
    good, noise, again = HeuristicScorer().score_many(texts, ["fr"] * 3)
    assert good > noise and good > again


def test_each_language_has_its_own_stop_words():
    text = "Il gatto che dorme sulla sedia non è della nonna."
    italian, french = HeuristicScorer().score_many([text, text], ["it", "fr"])
    assert italian > french


def test_a_language_without_stop_words_is_refused_by_name():
    with pytest.raises(UserError, match=r"no stop words for de(.|\n)*allowed: en, fr, it"):
        HeuristicScorer().score_many(["Das Haus", "la maison"], ["de", "fr"])
