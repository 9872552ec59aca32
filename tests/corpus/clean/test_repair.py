"""Repairs: what is broken is mended, and typography stays as it is."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.clean.mojibake import mend
from calame.corpus.step import Drop

from .rules import cleaned, only

TYPOGRAPHY = "« L’été\u00a0», dit-il\u202f; “ﬁn” — l'œuvre… 1\u202f000\u00a0€ ; ‹\u00a0oui\u00a0› Ａ ½ n° 3 : ça ?"
french = st.text(
    alphabet="abcdefgh ijklm nopqrs tuvwxyz àâçéèêëîïôùûœæ ÀÉÈÇ «»’“”…—–\u00a0\u202f.,;:!?()'\"\n-", min_size=1
)


@pytest.mark.parametrize("kind", ["text", "law", "wiki", "wikisource", "gallica", "books", "news", "web"])
def test_no_kind_touches_typography(kind):
    text = f"{TYPOGRAPHY} Le petit texte que voici est assez long pour toutes les règles.\n\n" * 4
    text = "\n\n".join(f"{number}e partie. {part}" for number, part in enumerate(text.strip().split("\n\n")))
    judges = ["heuristics", "gopher_quality", "gopher_repetition", "fineweb", "ocr"]
    assert cleaned(text, {"kind": kind, "without": judges}) == text


@given(french)
def test_french_is_never_taken_for_mojibake(text):
    text = unicodedata.normalize("NFC", text.strip()) or "a"
    assert cleaned(text, "text") == text


@given(french)
def test_what_is_mended_once_is_mended(text):
    broken = text.encode().decode("latin-1").replace("\x85", "")
    assert mend(mend(broken)) == mend(broken)


def test_mojibake_of_whole_sentences_is_undone_and_the_lines_beside_it_stay():
    text = "Il a été décidé que l’élève « étudiera » à la forêt…"
    for encoding in ("latin-1", "cp1252"):
        broken = text.encode().decode(encoding)
        assert cleaned(f"{TYPOGRAPHY}\n{broken}\n{TYPOGRAPHY}", "text") == f"{TYPOGRAPHY}\n{text}\n{TYPOGRAPHY}"
    assert cleaned("C'est dÃ©jÃ  fini Ã  Paris.", "text") == "C'est déjà fini à Paris."


def test_controls_go_and_page_breaks_are_lines():
    assert cleaned("\ufeffun\x00 deux\x0c\ntrois\tquatre\x7f", "text") == "un deux\ntrois\tquatre"


def test_accents_are_composed():
    assert cleaned(unicodedata.normalize("NFD", "l’été à Besançon"), "text") == "l’été à Besançon"


def test_words_divided_at_a_line_end_are_joined_where_they_are_known():
    text = "Le gouvernement veut. Le gouver-\nnement, dit-il, est peut-\nêtre là ; peut-être. Un incon-\nnu passe."
    joined = "Le gouvernement veut. Le gouvernement,\ndit-il, est peut-être\nlà ; peut-être. Un incon-\nnu passe."
    assert cleaned(text, only("hyphens")) == joined
    assert cleaned("il va tou-\njours bien", only("hyphens")) == "il va toujours\nbien"  # a common word
    assert cleaned("la meſme choſe, la meſ-\nme", only("hyphens")) == "la meſme choſe, la meſme"
    assert (
        cleaned("exam\u00ad\nple de co\u00adton, im¬\npôt, dû", only("soft_hyphens")) == "example\nde coton, impôt,\ndû"
    )


def test_lines_broken_for_their_width_are_joined_and_verse_is_not():
    lines = [
        "Le vieil homme traversa la cour sans dire un mot et",
        "poussa la porte de la grange, où dormaient encore les",
        "deux chiens que son frère lui avait laissés en partant.",
        "Puis il attendit.",
    ]
    assert cleaned("\n".join(lines), only("broken_lines", min_width=36)) == " ".join(lines)
    verse = "Sous le pont de bois passe la rivière,\nEt mon cœur s’en va, qui s’en souviendra ?\n"
    verse += "Les jours sont trop longs, la nuit est légère,\nL’eau passe et s’en va."
    assert cleaned(verse, only("broken_lines", min_width=36)) == verse
    menu = "pommes de terre\nharicots verts\nsalade de riz"
    assert cleaned(menu, only("broken_lines")) == menu


PAGE = "Le maire a inauguré la passerelle hier.\n\nElle relie les deux rives du canal."


@pytest.mark.parametrize(
    "line",
    ["Lire la suite", "Partager cet article", "Partager sur Facebook", "© 2019 La Gazette. Tous droits réservés.",
     "Ce site utilise des cookies pour mesurer son audience.", "Tout accepter »", "Publié le 3 mai 2019 à 12:04",
     "3 commentaires"],
)  # fmt: skip
def test_lines_of_web_pages_that_are_no_text_go(line):
    assert cleaned(f"{line}\n{PAGE}", only("boilerplate")) == PAGE
    assert cleaned(f"{PAGE}\n{line}", only("boilerplate")) == PAGE


@pytest.mark.parametrize(
    "line", ["Voir aussi", "Contact", "(c) le bien est loué ;", "Le maire utilise des cookies", "dix"]
)
def test_lines_that_may_be_text_stay(line):
    text = f"{PAGE}\n\n{line}\n\n{PAGE}"
    assert cleaned(text, {"kind": "none", "steps": ["boilerplate", "page_numbers"]}) == text


def test_a_heading_that_stands_in_a_menu_goes():
    assert cleaned(f"Accueil\nContact\n\nVoir aussi\n{PAGE}", only("boilerplate")) == PAGE


def test_page_numbers():
    text = "fin de page\n- 12 -\nxiv\nPage 13\n[p. 7]\ndébut\nmi\n1648 fut une année"
    assert cleaned(text, only("page_numbers")) == "fin de page\ndébut\nmi\n1648 fut une année"


def test_specks_go_and_short_lines_that_may_be_text_stay():
    text = "¬\nLE ROY\nE\nen son conseil\nE\n' ~\na ordonné\nOui\nE\n12\nque\n* * *\nfin"
    assert cleaned(text, only("specks")) == "LE ROY\nen son conseil\na ordonné\nOui\n12\nque\n* * *\nfin"
    drop_cap = "I\nl était une fois un roi."
    assert cleaned(drop_cap, only("specks")) == drop_cap


def test_a_long_line_stays_once():
    line = "Cette phrase revient à chaque page du site, et elle est bien assez longue."
    assert cleaned(f"{line}\nOui.\n{line}\nOui.", only("repeats")) == f"{line}\nOui.\nOui."


def test_stray_wikitext():
    text = "== Histoire ==\nLa '''ville''' de [[Lyon|Lyon (Rhône)]] est {{nb|a{{!}}}}<ref>x</ref>.\n[[Catégorie:Ville]]"
    assert cleaned(text, only("wikitext")) == "Histoire\nLa ville de Lyon (Rhône) est ."
    assert cleaned("He said ''yes'' to me.", only("wikitext"), "en") == "He said ''yes'' to me."


def test_a_document_is_cut_at_a_word():
    assert cleaned("un deux trois", only("cut", characters=9)) == "un deux"
    assert cleaned("x" * 20, only("cut", characters=9)) == "x" * 9


def test_the_long_s_stays_unless_asked():
    assert cleaned("la meſme", "books") != "la même"
    assert cleaned("la meſme", only("long_s")) == "la mesme"


def test_flattening_is_rodins_and_not_ours():
    text = "« Oui\u00a0», dit-il — “non”… voyez https://exemple.fr/a?b=1 ou a.b@exemple.fr\u202f!"
    assert cleaned(text, only("flatten")) == '" Oui ", dit-il - "non"… voyez  ou  !'
    assert cleaned(text, "text") == text


def test_what_is_left_empty_is_dropped():
    assert cleaned("Lire la suite", only("boilerplate")) == Drop("empty", "nothing is left after boilerplate")


def test_code_and_unknown_languages_pass_by_language_rules():
    for language in ("code", "de"):
        assert cleaned("Lire la suite\nx", "web", language) == "Lire la suite\nx"
        assert cleaned("x = 'dÃ©jÃ\xa0'\x00", "web", language) == "x = 'déjà'"


@pytest.mark.data
@pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA")
def test_planted_mojibake_is_undone():
    folder = Path(os.environ["CALAME_DATA"]) / "corpus/raw"
    data = zstandard.ZstdDecompressor().stream_reader((folder / "known-duplicates.jsonl.zst").read_bytes()).read()
    texts = {row["id"]: row["text"] for row in map(json.loads, data.decode().split("\n")[:-1])}
    clusters = json.loads((folder / "known-duplicates.truth.json").read_text())["clusters"]
    pairs = [(texts[c["original"]], texts[d["id"]]) for c in clusters for d in c["copies"] if d["kind"] == "mojibake"]
    exact = sum(cleaned(broken, "text") == cleaned(original, "text") for original, broken in pairs)
    assert len(pairs) > 20 and exact >= 0.95 * len(pairs)
    assert sum(cleaned(original, "text") == original.strip() for original, _ in pairs) == len(pairs)
