"""RODIN's rules and the measures of OCR; steps as other rooms use them."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.clean.build import clean_steps
from calame.corpus.clean.characters import DIGIT, LETTER, SPACE, WORD, classes
from calame.corpus.clean.measure import Measured
from calame.corpus.clean.ocr import decile_table, read
from calame.corpus.document import Document
from calame.corpus.step import Drop, walk
from calame.recipe.clean import STEPS, Clean
from calame.recipe.clean_kinds import KINDS

from .rules import LANGUAGES, cleaned, only

PROSE = "\n\n".join(
    [
        "Le facteur monta la côte avec sa vieille bicyclette, car il avait promis de porter la lettre avant midi.",
        "Personne ne l’attendait ; pourtant la porte était ouverte, et dans la cuisine une soupe fumait sur le feu.",
        "— Entrez donc, dit une voix, vous devez avoir faim après un si long chemin.",
        "Il posa son sac, s’assit près de la fenêtre et raconta ce qu’il avait vu dans la vallée pendant l’hiver.",
    ]
)
PROSE_IT = (
    "Il postino salì la costa con la sua vecchia bicicletta, perché aveva promesso di portare la lettera. "
    "Nessuno lo aspettava; però la porta era aperta, e nella cucina una minestra fumava sul fuoco. Si sedette e parlò."
)
GERMAN = (
    "Der Postbote fuhr mit seinem alten Fahrrad den Hang hinauf, weil er versprochen hatte, den Brief vor Mittag zu "
    "bringen. Niemand erwartete ihn; doch die Tür stand offen, und in der Küche dampfte eine Suppe auf dem Herd."
)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_prose_passes_every_kind(kind):
    assert cleaned(PROSE, kind) == PROSE


def test_formulas_of_a_debate_are_no_spam_where_people_edited_it():
    """Between what Gopher lets repeat and twice that, as records of debates are; above it is a list of one formula."""
    said = """Nous voulons des routes sûres, dont chacun sait ce que coûte l’entretien.
Le débat de lundi a montré combien les gares manquent de personnel le soir.
Un hiver suffit à fendre un pont que personne n’a repeint depuis vingt ans.
Les forêts brûlent quand on ne les nettoie plus, et nous l’avons tous vu.
Aucun port ne vit sans une école de marins, voilà pourquoi je maintiens ma demande.
Il faudrait aussi que les canaux soient curés avant la crue du printemps."""
    lines = [
        f"La parole est à nouveau à M. {word.title()}, pour soutenir l’amendement voisin."
        for word in ["ab", "cd", "ef", "gh", "ij", "kl"]
    ]
    debate = "\n".join(f"{line}\n{text}" for line, text in zip(lines, said.split("\n"), strict=True))
    found = cleaned(debate, "web")
    assert isinstance(found, Drop) and found.rule == "gopher: repeated 5-grams"
    assert cleaned(debate, "edited") == debate
    assert isinstance(cleaned("\n".join(lines * 3), "edited"), Drop)


@pytest.mark.parametrize(
    "text, rule",
    [
        ("Trop court.", "too few characters"),
        ("x" * 400, "too few words"),
        (PROSE.replace("\n\n", " "), "too few lines"),
        ("\n".join(["a b c d e f g h i j k l m n o p q r s t u v w x"] * 9), "word length"),
        ("\n".join(["§ ¤ % le & # @ de ! * ( la ) = + < > et ~ ^ dans |"] * 9), "word length"),
        (PROSE + "\n" + "%%%%%%% " * 12, "special characters"),
        (PROSE + "\n" + "1234 5678 " * 10, "digits"),
        (PROSE.upper(), "capitals"),
        (PROSE + "\n" + "\n".join(["Cette ligne revient sans cesse dans la page."] * 8), "repeated lines"),
        ("\n".join(f"- article numéro {n} de la liste des choses que nous vendons" for n in "abcdefgh"), "list"),
    ],
)
def test_rodins_rules_name_what_they_drop(text, rule):
    found = cleaned(text, only("heuristics", min_lines=3))
    assert isinstance(found, Drop) and found.rule == rule and found.detail


def test_another_language_is_dropped_and_a_doubt_is_not():
    rules = only("heuristics", min_characters=1, min_words=1, min_lines=1)
    assert cleaned(PROSE_IT, rules, "it") == PROSE_IT
    for language in ("fr", "it", "en"):
        found = cleaned(GERMAN, rules, language)
        assert isinstance(found, Drop) and found.rule == "another language"
    names = "Orsetta Lucietta Pasqua Checca Libera Toffolo Canocchia Vicenza Fortunato Beppe Titta Nane"
    assert (
        cleaned(names, only("heuristics", min_characters=1, min_words=1, min_lines=1, no_common_words=0), "it") == names
    )


def test_speech_verse_plays_and_law_are_no_lists_and_no_repetitions():
    off = {"max_capitals": 1, "max_special": 1, "min_word_length": 1}
    rules = only("heuristics", min_characters=1, min_words=1, min_lines=1, **off)
    speech = "\n".join(["- Sì, rispose.", "- E allora?", "- Allora niente, disse la donna.", "- Va bene!", "- Addio."])
    assert cleaned(speech, {**rules, "heuristics": {**rules["heuristics"], "min_common_words": 0}}, "it") == speech
    law = "Le bail est conclu :\n" + "\n".join(f"{sign}) pour une durée de {sign} ans au moins ;" for sign in "abcdef")
    assert cleaned(law, rules) == law
    said = "LE DOCTEUR.\nC’est la {0}e fois que je le dis.\nARLEQUIN.\nEt moi la {0}e que je l’oublie."
    play = "\n".join(said.format(number) for number in range(6))
    assert cleaned(play, rules) == play
    assert isinstance(cleaned(play, {**rules, "heuristics": {**rules["heuristics"], "short_line": 0}}), Drop)


@given(st.text(min_size=1, max_size=80))
def test_characters_and_words_are_pythons(text):
    page = Measured(text)
    assert len(page.tokens) == len(re.findall(r"\w+|[^\w\s]", text))
    assert len(page.plain) == len(re.findall(r"\w+", text))
    assert page.runs == len(text.split())
    words = re.findall(r"\w+|[^\w\s]", text)
    assert page.tokens.lengths.tolist() == [len(word) for word in words]
    same = [[a == b for b in words] for a in words]
    assert (page.tokens.hashes[:, None] == page.tokens.hashes[None, :]).tolist() == same


def test_the_table_of_characters_is_pythons():
    table = classes()
    signs = [chr(code) for code in range(0x110000)]
    for kind, test in ((LETTER, str.isalpha), (DIGIT, str.isdigit), (SPACE, str.isspace)):
        assert np.array_equal(table & kind != 0, np.array([test(sign) for sign in signs]))
    assert np.array_equal(table & WORD != 0, np.array([sign.isalnum() or sign == "_" for sign in signs]))


@pytest.mark.parametrize("word", ["l1vre", "maiſOn", "aaabord", "brtgnsk", "рапорт", "vrtl", "b"])
def test_words_that_no_one_writes(word):
    assert read(word, LANGUAGES["fr"]).suspect == 1


@pytest.mark.parametrize(
    "word",
    ["livre", "meſme", "1er", "XIXe", "SNCF", "abstraction", "l’été", "à", "www", "ﬁn", "2°", "Mgr"],
)
def test_words_that_someone_writes(word):
    assert read(word, LANGUAGES["fr"]).suspect == 0


def test_ocr_is_dropped_and_print_is_not():
    bad = [
        "rnaïſtre",
        "l1eu",
        "arrjvn",
        "g",
        "r",
        "n",
        "d",
        "pournpc",
        "1es",
        "prtrnt",
        "p0rte",
        "xzqr",
        "ttbl",
        "■■",
        "la",
    ]
    assert isinstance(cleaned(" ".join(bad * 3), only("ocr")), Drop)
    assert cleaned(PROSE, only("ocr")) == PROSE
    rows = decile_table([Document(PROSE, "print", "a", "fr"), Document(" ".join(bad), "ocr", "b", "fr")], LANGUAGES)
    assert [(row["source"], row["measure"]) for row in rows][:3] == [
        ("print", m) for m in ("suspect", "foreign", "broken")
    ]
    assert rows[0]["p50"] == 0 and rows[3]["p50"] > 0.2


@given(st.text(min_size=1, max_size=300).map(str.strip).filter(bool), st.sampled_from(sorted(LANGUAGES)))
def test_every_step_takes_any_text_and_balances(text, language):
    clean = {"kind": "none", "steps": list(STEPS), "heuristics": {"min_characters": 1, "min_words": 1, "min_lines": 1}}
    steps = clean_steps(Clean.model_validate(clean), LANGUAGES)
    for step in steps:  # each on its own, so that none hides behind a verdict before it
        outcome = walk(Document(text, "a", "a", language), [step])
        left = outcome.last if isinstance(outcome.result, Drop) else outcome.result.text
        assert (
            outcome.left == len(left.encode())
            and outcome.result == walk(Document(text, "a", "a", language), [step]).result
        )


def test_steps_can_be_sent_to_other_processes():
    for kind in KINDS:
        steps = clean_steps(Clean.model_validate({"kind": kind, "also": ["c4", "ocr", "flatten"]}), LANGUAGES)
        sent = pickle.loads(pickle.dumps(steps))
        assert walk(Document(PROSE, "a", "a", "fr"), sent) == walk(Document(PROSE, "a", "a", "fr"), steps)
