"""The filters of Gopher, C4 and FineWeb give datatrove's verdicts on any text, given the same splitter of words; and
where ours differ on purpose, they do."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calame.corpus.clean.characters import PUNCTUATION, SIGN, classes
from calame.corpus.clean.gopher import _repetitions
from calame.corpus.step import Drop
from calame.recipe.clean import GopherRepetition

from .rules import LANGUAGES, cleaned, only

pytest.importorskip("datatrove")
from datatrove.data import Document as Page
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.gopher_repetition_filter import find_all_duplicate, find_top_duplicate, get_n_grams
from datatrove.utils import text as theirs
from datatrove.utils.word_tokenizers import WordTokenizer


class Words(WordTokenizer):
    """A splitter that needs no spaCy. C4 counts the spans, so they are those of sentences."""

    def __init__(self):
        pass

    def word_tokenize(self, text):
        return re.findall(r"\w+|[^\w\s]", text)

    def sent_tokenize(self, text):
        return re.split(r"(?<=[.!?])\s+", text)

    def span_tokenize(self, text):
        ends = [match.end() for match in re.finditer(r"(?<=[.!?])\s+", text)] + [len(text)]
        return list(zip([0, *ends], ends, strict=False))


WORDS = Words()
# Few different words, so that they repeat, and run into each other (a ab b), with all that rules look at.
piece = st.sampled_from(
    ["a", "ab", "b", "aab", "le", "de", "la chatte", "maison", "#", "...", "…", "-", "•", "1", "12a", "_", "１", "é",
     "«", "»", ".", "!", "?", ",", "\n", "\n\n", "\n\n\n", " \n", "\t", "\u00a0", "\u2028", "{", "[1]", "[edit]",
     "javascript", "Lorem ipsum", "cookie policy", "x" * 40, "Il fait beau. Très beau !", "l’été", "𝒳", "€"]
)  # fmt: skip
texts = st.lists(st.tuples(piece, st.sampled_from([" ", " ", ""])), min_size=1, max_size=80).map(
    lambda parts: "".join(word + gap for word, gap in parts).strip()
)
texts = texts.filter(bool)
repeated = st.tuples(texts, st.integers(1, 4), texts).map(lambda parts: "\n".join([parts[0]] * parts[1] + [parts[2]]))
any_text = st.one_of(texts, repeated)


def their_verdict(step, text: str) -> bool:
    return step.filter(Page(text=text, id="")) is True


@given(any_text, st.integers(0, 30), st.floats(0.01, 1), st.floats(0.01, 1))
def test_gopher_quality(text, words, share, letters):
    ours = only(
        "gopher_quality",
        min_words=words, min_word_length=1.5, max_word_length=6, max_symbols=share, max_bullet_lines=share,
        max_ellipsis_lines=share, min_alphabetic_words=letters, min_stop_words=2, signs_are_words=True,
    )  # fmt: skip
    filter_ = GopherQualityFilter(
        words, 100_000, 1.5, 6, share, share, share, letters, 2, LANGUAGES["fr"].stop_words, language=WORDS
    )
    if any(any(sign not in theirs.PUNCTUATION_SET for sign in word) for word in WORDS.word_tokenize(text)):
        assert isinstance(cleaned(text, ours), str) == their_verdict(filter_, text)  # else theirs takes a mean of none


@given(any_text, st.floats(0.02, 0.6))
@example("a ab b a ab b a ab b a ab b", 0.1)
def test_gopher_repetition(text, share):
    top, again = {2: share, 3: share, 4: share}, dict.fromkeys(range(5, 11), share)
    ours = only(
        "gopher_repetition", lines=share, line_characters=share, paragraphs=share, paragraph_characters=share,
        top=top, repeated=again, signs_are_words=True,
    )  # fmt: skip
    filter_ = GopherRepetitionFilter(
        share, share, share, share, tuple(top.items()), tuple(again.items()), language=WORDS
    )
    assert isinstance(cleaned(text, ours), str) == their_verdict(filter_, text)


@given(any_text)
def test_characters_in_n_grams_are_counted_as_theirs(text):
    """Not the verdicts alone: with limits of nothing no bound cuts the measure short."""
    words, size = WORDS.word_tokenize(text), len(text)
    none = GopherRepetition(signs_are_words=True, top={2: 0, 3: 0, 4: 0}, repeated=dict.fromkeys(range(5, 11), 0))
    ours = {name: share for name, share, _ in _repetitions(text, none)}
    for n in (2, 3, 4):
        if grams := get_n_grams(words, n):
            assert ours[f"commonest {n}-gram"] == find_top_duplicate(grams) / size
    for n in range(5, 11):
        assert ours[f"repeated {n}-grams"] == find_all_duplicate(words, n) / size


@given(any_text, st.floats(0.05, 0.9), st.floats(0.05, 0.9), st.floats(0, 0.5))
def test_fineweb(text, ended, short, again):
    ends = tuple(LANGUAGES["fr"].line_ends)
    ours = only(
        "fineweb", min_ended_lines=ended, max_short_lines=short, max_repeated_characters=again, max_line_breaks=short
    )
    filter_ = FineWebQualityFilter(
        line_punct_thr=ended, stop_chars=ends, short_line_thr=short, char_duplicates_ratio=again, new_line_ratio=short,
        language=WORDS,
    )  # fmt: skip
    assert isinstance(cleaned(text, ours), str) == their_verdict(filter_, text)


ENGLISH = {"fr": LANGUAGES["fr"].model_copy(update={"line_ends": [".", "?", "!", '"', "'"],
           "policy": LANGUAGES["en"].policy})}  # fmt: skip


@given(any_text, st.integers(0, 5), st.integers(1, 45))
def test_c4_and_the_text_it_leaves(text, sentences, longest):
    ours = only("c4", verse=False, min_sentences=sentences, max_word_length=longest)
    page = Page(text=text, id="")
    kept = C4QualityFilter(min_num_sentences=sentences, max_word_length=longest, language=WORDS).filter(page) is True
    found = cleaned(text, ours, languages=ENGLISH)
    if kept and not page.text:
        assert found == Drop("empty", "nothing is left after c4 lines")  # theirs keeps an empty document
    else:
        assert found == page.text if kept else isinstance(found, Drop)


def test_signs_are_theirs_but_for_a_few_of_other_scripts():
    table = classes()
    ours = {chr(code) for code in range(0x110000) if table[code] & SIGN}
    assert set(PUNCTUATION) <= ours
    assert len(ours - theirs.PUNCTUATION_SET) < 30 and len(theirs.PUNCTUATION_SET - ours) <= 3
    assert all(ord(sign) > 0x1700 for sign in ours ^ theirs.PUNCTUATION_SET)


# Where ours differ


SPOKEN = "\n".join(
    [
        "« Pourquoi, demanda-t-il, l’avez-vous abandonnée là-bas, près de l’ancienne auberge ?… »",
        "« Parce que, voyez-vous, l’orage menaçait ; l’obscurité, l’inquiétude, l’isolement… »",
        "« Certainement, monsieur ; d’ailleurs, personne n’ignorait l’histoire, n’est-ce pas ?… »",
        "« Eh bien ! répondit-elle, l’essentiel, aujourd’hui, c’est l’espérance ; l’avenir, l’amitié… »",
        "« Allons, dit-il, rentrons : l’heure avance, l’auberge ferme, l’aubergiste s’impatiente… »",
    ]
)


def test_french_that_datatrove_drops_for_its_apostrophes_is_kept():
    words = LANGUAGES["fr"].stop_words
    verdict = GopherQualityFilter(language=WORDS, stop_words=words, max_ellipsis_lines_ratio=1).filter(
        Page(text=SPOKEN, id="")
    )
    assert verdict == (False, "gopher_below_alpha_threshold")
    assert cleaned(SPOKEN, only("gopher_quality", max_ellipsis_lines=1)) == SPOKEN
    dropped = cleaned(SPOKEN, only("gopher_quality", max_ellipsis_lines=1, signs_are_words=True))
    assert isinstance(dropped, Drop) and dropped.rule == "gopher: words without letters"


def test_french_lines_end_in_guillemets_and_dots():
    assert FineWebQualityFilter(language=WORDS).filter(Page(text=SPOKEN, id="")) == (False, "line_punct_ratio")
    assert cleaned(SPOKEN, only("fineweb")) == SPOKEN
    assert C4QualityFilter(language=WORDS).filter(Page(text=SPOKEN, id="")) == (False, "too_few_sentences")
    assert cleaned(SPOKEN, only("c4")) == SPOKEN


VERSE = "\n".join(
    [
        "Sotto il monte una casa piccina,",
        "sopra il monte la luna che sale",
        "e nel campo la prima mattina",
        "che ritorna sul grano, sul mare",
        "Dormi, dormi; la notte è vicina.",
    ]
)


def test_italian_verse_stays():
    prose = "\n".join(["Una riga che finisce bene. E poi un’altra. E ancora una. E una."] * 2)
    text = f"{VERSE}\n\n{prose}"
    assert cleaned(text, only("c4"), "it") == text.replace("\n\n", "\n")
    assert "Sotto il monte" not in cleaned(text, only("c4", verse=False), "it")
    menu = "Vai alla pagina\nTutti i prodotti nuovi\nIl mio conto qui\nDove siamo adesso\nLe nostre sedi"
    assert "Tutti i prodotti" not in cleaned(f"{menu}\n\n{prose}", only("c4"), "it")
