"""Grammar and typography of everything that is written, by rules that the generator does not share."""

from __future__ import annotations

import itertools
import re

import pytest

from calame.corpus.petit_monde import LANGUAGES

NO_BREAK, NARROW = "\u00a0", "\u202f"

WRONG = {
    "fr": {
        "elision": r"\b(?:[DdLlSsNnJjMmTt]e|[Ll]a|[Qq]ue|[Jj]usque|[Ll]orsque|[Pp]uisque) (?:[aeiouyâàéèêîôœAEIOUYÉ]|"
        r"h(?:abit|erbe|eure|irond|istoi|iver|omme|orlog))(?!nze|ui\b)",
        "contraction": r"\b(?:[Dd]e|[ÀAà]) les? ",
        "si il": r"\b[Ss]i ils?\b",
        "euphony": r"\b(?:[Bb]eau|[Nn]ouveau|[Vv]ieux|[Cc]e|[Mm]a|[Tt]a|[Ss]a) [aeiouéèêô]",
        "du before a vowel": r"\b(?:[Dd]u|[Aa]u) [aeiouyéèêôAEIOUÉ]",
        "feminine nouns": r"\b(?:un|le|du|au|son|ce|petit) (?:pie|tortue|coccinelle|carpe|truite|tanche|grenouille|"
        r"harpe|flûte|guitare|clarinette|trompette|mandoline|vielle|porte|soupe|tarte|polenta|compote|salade|crème|"
        r"brioche|confiture|purée|mère|sœur|fille|ville|boulangère|apicultrice|fête|rivière)\b",
        "masculine nouns": r"\b(?:une|la|sa|cette) (?:hérisson|chat|hibou|merle|lézard|gecko|grillon|scarabée|crapaud|"
        r"triton|violon|tambour|piano|hautbois|luth|xylophone|riz|gratin|risotto|pain|gâteau|ragoût|frère|fils|métier|"
        r"pré|plat)\b",
        "door": r"\bporte (?:de \w+ |d’\w+ )?(?:est )?(?:vert|bleu|blanc|noir|gris|brun|violet)\b",
        "feminine people": r"\belle (?:est|en est) (?:fier|boulanger|menuisier|meunier|jardinier|berger|vitrier)\b",
        "gender of the subject": r"\bil (?:est|en est) (?:fière|boulangère|menuisière|meunière|jardinière|bergère)\b",
        "strong signs": rf"(?<!{NARROW})[;!?]|(?<!{NO_BREAK})[:»]|«(?!{NO_BREAK})",
    },
    "it": {
        "il before impure": r"\b(?:il|un|del|al|dal|nel|sul|quel) (?:s[bcdfghlmnpqrtvz]|z|gn|ps|pn|x|y)",
        "il before a vowel": r"\b(?:[Ii]l|[Ll]o|[Ll]a|[Dd]el|[Aa]l|[Dd]ella|[Aa]lla|[Uu]na|[Dd]ello|[Aa]llo) "
        r"[aeiouàèéìòùAEIOU]",
        "uno before pure": r"\b(?:dello|allo|dallo|nello|sullo) (?!s[bcdfghlmnpqrtvz]|z|gn|ps|pn|x|y)|"
        r"\buno (?:riccio|gatto|gufo|merlo|geco|grillo|rospo|tritone|uccello|insetto|anfibio|pesce|mammifero|rettile)",
        "contraction": r"\b(?:[Dd]i|[Aa]|[Dd]a|[Ii]n|[Ss]u) (?:(?:il|lo|la|i|gli|le) |l’)",
        "twice": r"\b(?:d|n|s)?(?:el|al|ul)l?[aoe]? (?:il|lo|la) ",
        "plural": r"\b(?:[Ii]|[Dd]ei|[Aa]i) (?:[aeiou]|s[bcdfghlmnpqrtvz]|z|gn|ps)",
        "euphonic d": r"\b[Ee] [eèéEÈ]|\b[Aa] [aA]",
        "feminine nouns": r"\b(?:un|il|del|al|suo) (?:gazza|tartaruga|lucertola|coccinella|carpa|trota|tinca|rana|"
        r"chitarra|tromba|ghironda|fisarmonica|porta|zuppa|crostata|polenta|composta|torta|crema|brioche|marmellata|purea|madre|sorella|casa)\b",
        "masculine nouns": r"\b(?:una|la|della|alla|sua) (?:riccio|gatto|gufo|merlo|geco|grillo|rospo|tritone|violino|"
        r"flauto|tamburo|clarinetto|violoncello|mandolino|pianoforte|liuto|budino|risotto|fratello|figlio|mestiere|recinto|piatto)\b",
        "door": r"\bporta (?:di \w+ )?(?:è )?(?:rosso|azzurro|giallo|bianco|nero|grigio)\b",
        "apostrophe": r"\bun’(?:[^aeiou]|\w*o\b)|\bqual’è|\bpò\b",
        "space before a sign": r" [;:!?,.»]|« ",
    },
    "en": {
        "a before a vowel": r"\b[Aa] (?!one\b|uni|use|eu)[aeiouAEIO]",
        "an before a consonant": r"\b[Aa]n (?!hour|honest)[^aeiouAEIOU]",
        "space before a sign": r" [;:!?,.”]|“ ",
    },
}


@pytest.fixture(scope="module")
def written(part) -> dict[str, list[str]]:
    """All that is written, by language."""
    return {code: everything(code, part) for code in LANGUAGES}


def everything(code: str, part) -> list[str]:
    """All that is written in one language (rejected answers aside: some are in another one)."""
    texts = [row["text"] for row in part("prose") if row["language"] == code]
    for row in part("dialogues"):
        if row["language"] == code:
            texts += [message["content"] for message in row["messages"]]
    texts += [row[key] for row in part("preferences") if row["language"] == code for key in ("prompt", "chosen")]
    texts += [row[key] for row in part("questions") if row["language"] == code for key in ("question", "answer")]
    return texts


@pytest.mark.parametrize(("code", "rule"), [(code, rule) for code, rules in WRONG.items() for rule in rules])
def test_rule(code: str, rule: str, written: dict[str, list[str]]) -> None:
    text = "\n".join(written[code])
    found = re.search(WRONG[code][rule], text)
    assert not found, text[max(0, found.start() - 60) : found.end() + 40]


@pytest.mark.parametrize("code", LANGUAGES)
def test_typography_common_to_all(code: str, written: dict[str, list[str]]) -> None:
    for text in written[code]:
        assert "  " not in text
        assert not re.search(r"['\"{}\t]|None| \n|\n\n\n", text), text
        assert text == text.strip()
        assert not re.search(r"[.,;] ?[.,;]", text), text
        assert re.match(r"[A-ZÀÇÉÈ0-9«“]", text), text


@pytest.mark.parametrize("code", LANGUAGES)
def test_sentences_begin_with_a_capital(code: str, part) -> None:
    for row in part("prose"):
        if row["language"] == code:
            for line in row["text"].split("\n"):
                assert not line or re.match(r"[A-ZÀÇÉÈ0-9«“]", line), line
                assert not re.search(r"[.!]\s+[a-zàéè]", line), line


def test_pronouns_follow_their_person(documents, small_world) -> None:
    """A sentence that begins with a pronoun comes after one whose subject is the person."""
    for document in documents["en"]:
        sentences = re.split(r"(?<=\.)\s+", document.text)
        for before, sentence in itertools.pairwise(sentences):
            if document.kind != "story" and re.match(r"(?:She|He) ", sentence):
                first = re.match(r"\w+(?=[ ,])", before)
                assert first, document.text
                assert first[0] in ("She", "He") or first[0] in small_world.by_name, document.text


def test_english_verbs_agree(part) -> None:
    for row in part("prose"):
        if row["language"] == "en":
            for verb in re.findall(r"\b(?:he|she) (\w+)", row["text"]):
                assert verb.endswith("s") or verb == "also", row["text"]


def test_english_possessives_are_simple(written: dict[str, list[str]]) -> None:
    assert not [text for text in written["en"] if re.search(r"s’s\b|’s’s", text)]
