"""Where personal data stand in a text. Cheap scans mark the places that are worth a look, so that ordinary text costs
little; a look is a pattern for the form, then the check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from calame.corpus.pii.checks import (
    IBAN_LENGTH,
    is_card,
    is_codice_fiscale,
    is_iban,
    is_nir,
    is_public_v4,
    is_public_v6,
)

SPACE = " \u00a0\u2009\u202f"
SEPARATOR = f"(?:[{SPACE}]?[-./][{SPACE}]?|[{SPACE}])"
NOT_BARE = re.compile("[^0-9A-Za-z]")

# The scans over the whole text. DIGITS: a run of digits with what may part them, long enough for an address 8.8.8.8.
DIGITS = re.compile(f"[0-9][0-9AB()/.{SPACE}-]{{5,}}[0-9]")
IBAN_BEGINNING = re.compile(f"[A-Z]{{2}}[0-9]{{2}}[{SPACE}-]?[0-9A-Z]{{3}}")
CODE_DIGIT = "[0-9LMNPQRSTUV]"
CODICE = re.compile(
    f"[A-Z]{{3}}[{SPACE}]?[A-Z]{{3}}[{SPACE}]?{CODE_DIGIT}{{2}}[ABCDEHLMPRST]{CODE_DIGIT}{{2}}"
    f"[{SPACE}]?[A-MZ]{CODE_DIGIT}{{3}}[A-Z]"
)
SMALL_CODICE = re.compile("[0-9]{2}[abcdehlmprst][0-9]{2}[a-mz][0-9]{3}[a-z]")  # from its first digit
SIX_LETTERS = re.compile("[a-z]{6}$")  # before that

EMAIL_LOCAL = re.compile(r"[\w.%+'’-]*[\w%+-]$")
EMAIL_DOMAIN = re.compile(r"@((?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,24})(?![\w@])")
FILES = {"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "json", "html", "py", "md"}  # logo@2x.png

V4 = re.compile(r"(?<![\w.-])(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})(?![\w-]|\.[0-9])")
# What says that four numbers are no address: version 1.2.3.4, v1.2.3.4, Chrome/96.0.4.5, article 5.1.3.40
NUMBERED = re.compile(
    r"(?:\bv(?:er(?:s(?:ion(?:e|i|s)?)?)?)?\.?|\brelease|\brev(?:ision)?\.?|\bbuild|\bmise à jour|\baggiornamento"
    r"|\bart(?:icle|icolo)?s?\.?|\bsection|\bsezione|\bchap(?:itre|ter)?\.?|\bcapitolo|\bparagra(?:phe?|fo)|\bfig(?:ure|ura)?\.?"
    r"|\btable(?:au)?|\btabella|\bannexe?|§|\bn[°º]|\w/)[\s:]*$",
    re.IGNORECASE,
)
V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{4}:[0-9A-Fa-f:]{1,34}(?![\w:])")

# Not in a word, nor after "12." or "12 ": then it is the middle of a longer number.
ALONE = f"(?<![\\w+])(?<![0-9][-./,{SPACE}])"
END = r"(?!\w|[.,:][0-9])"
PAIR_BEFORE = (
    f"(?<![^0-9][0-9]{{2}}[-./{SPACE}])(?<!^[0-9]{{2}}[-./{SPACE}])(?<![0-9][-./,])"  # the middle of a row of pairs
)
# France (ARCEP's plan): 0 and nine digits, of which the first is not 0; or +33 in place of the 0.
FRENCH = (
    rf"(?<![\w+])(?:\+|00){SEPARATOR}?33{SEPARATOR}?(?:\(0\)|0)?{SEPARATOR}?[1-9](?:{SEPARATOR}?[0-9]){{8}}{END}",
    rf"(?<![\w+]){PAIR_BEFORE}0[1-9]({SEPARATOR})[0-9]{{2}}(?:\1[0-9]{{2}}){{3}}{END}(?!{SEPARATOR}[0-9]{{2}}(?![0-9]))",
    rf"{ALONE}(?<!/)0[1-9]{SEPARATOR}?[0-9]{{8}}{END}",  # after a slash it is a book's number in an address
)
# Italy (AGCOM's plan): mobiles begin with 3, nine or ten digits; districts with 0, told apart by their third digit: 02
# and 06, three digits (055), four digits (0532); in all nine to eleven digits, fewer only after +39.
DISTRICT = "0(?:[26]|[13-57-9][0159]|[13-57-9][2-4678][0-9])"
ITALIAN = (
    rf"(?<![\w+])(?:\+|00){SEPARATOR}?39{SEPARATOR}?\(?3[1-9][0-9]\)?(?:{SEPARATOR}?[0-9]){{6,7}}{END}",
    rf"(?<![\w+])(?:\+|00){SEPARATOR}?39{SEPARATOR}?\(?{DISTRICT}\)?(?:{SEPARATOR}?[0-9]){{4,8}}{END}",
    rf"{ALONE}3[1-9][0-9](?:[0-9]{{7}}|{SEPARATOR}[0-9]{{6,7}}|({SEPARATOR})[0-9]{{3}}\1[0-9]{{4}}"
    rf"|([{SPACE}-])[0-9]{{2}}\2[0-9]{{2}}\2[0-9]{{2,3}}){END}",
    rf"{ALONE}(?:\({DISTRICT}\){SEPARATOR}?|{DISTRICT}{SEPARATOR})"
    rf"(?:[0-9]{{5,8}}|[0-9]{{2,4}}[{SPACE}-][0-9]{{3,4}}|[0-9]{{2,3}}([{SPACE}-])[0-9]{{2}}\1[0-9]{{2,3}}){END}"
    rf"(?!{SEPARATOR}[0-9])",
)
PHONES = tuple(re.compile(pattern) for pattern in (*FRENCH, *ITALIAN))
LEAST_PHONE, MOST_PHONE = 9, 11  # digits of a national Italian number, its 0 included
ALL_DIGITS = "0123456789"  # in order they are a list of the digits

NIR = re.compile(
    "(?<![0-9A-Za-z])[1-478]{0}[0-9]{{2}}{0}(?:0[1-9]|1[0-2]|[23][0-9]|4[0-2]|[5-9][0-9]){0}(?:[0-9]{{2}}|2[AB]){0}"
    "[0-9]{{3}}{0}[0-9]{{3}}{0}[0-9]{{2}}(?![0-9A-Za-z])".format(f"{SEPARATOR}?")
)
CARD = re.compile(
    f"(?<![0-9A-Za-z])(?<![0-9][.,{SPACE}-])[2-68][0-9]{{3}}(?:[0-9]{{10,15}}|([{SPACE}-])(?:[0-9]{{4}}\\1){{2}}[0-9]{{4}}"
    f"(?:\\1[0-9]{{1,3}})?|([{SPACE}-])[0-9]{{6}}\\2[0-9]{{4,5}})(?![0-9A-Za-z]|[.,][0-9])"
)


KINDS = ("email", "iban", "codice_fiscale", "card", "nir", "ip", "phone")


class Found(NamedTuple):
    """One piece of personal data: its kind, and its place in characters."""

    kind: str
    start: int
    end: int


def find_all(text: str, kinds: Iterable[str]) -> list[Found]:
    """What is found of these kinds, in the text's order. Of two that overlap, the kind first in KINDS stays."""
    wanted = set(kinds)
    marked = [m.span() for m in DIGITS.finditer(text)] if wanted & {"ip", "card", "nir", "phone"} else []
    finders = {
        "email": lambda: _emails(text),
        "iban": lambda: _ibans(text),
        "codice_fiscale": lambda: _codes(text),
        "card": lambda: _checked(text, marked, CARD, is_card),
        "nir": lambda: _checked(text, marked, NIR, is_nir),
        "ip": lambda: _addresses(text, marked),
        "phone": lambda: _phones(text, marked),
    }
    found: list[Found] = []
    for kind in KINDS:
        for start, end in finders[kind]() if kind in wanted else ():
            if not any(start < other.end and other.start < end for other in found):
                found.append(Found(kind, start, end))
    return sorted(found, key=lambda one: one.start)


def _emails(text: str) -> Iterator[tuple[int, int]]:
    at = text.find("@")
    while at >= 0:
        local = EMAIL_LOCAL.search(text, max(0, at - 64), at)  # RFC 5321: at most 64 before the @
        domain = EMAIL_DOMAIN.match(text, at)
        if local and domain and domain[1].rsplit(".", 1)[1].lower() not in FILES:
            start = local.end() - len(local[0].lstrip(".'’-+%"))
            if start < at:
                yield start, domain.end()
        at = text.find("@", at + 1)


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for beginning in IBAN_BEGINNING.finditer(text):
        start = beginning.start()
        length = IBAN_LENGTH.get(text[start : start + 2])
        if length and not text[start - 1 : start].isalnum():
            span = _take(text, start, length)
            if span and is_iban(NOT_BARE.sub("", text[slice(*span)])):
                yield span


def _take(text: str, start: int, length: int) -> tuple[int, int] | None:
    """The span of so many capitals and digits from `start`, with at most one space or hyphen between two."""
    at, taken = start, 0
    while taken < length and at < len(text):
        sign = text[at]
        if "0" <= sign <= "9" or "A" <= sign <= "Z":
            taken += 1
        elif sign not in SPACE + "-" or text[at - 1] in SPACE + "-":
            return None
        at += 1
    return (start, at) if taken == length and not text[at : at + 1].isalnum() else None


def _codes(text: str) -> Iterator[tuple[int, int]]:
    spans = [match.span() for match in CODICE.finditer(text)]
    for match in SMALL_CODICE.finditer(text):
        if letters := SIX_LETTERS.search(text, max(0, match.start() - 6), match.start()):
            spans.append((letters.start(), match.end()))
    for start, end in spans:
        alone = not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
        if alone and is_codice_fiscale(NOT_BARE.sub("", text[start:end])):
            yield start, end


def _checked(
    text: str, marked: list[tuple[int, int]], form: re.Pattern[str], check: Callable[[str], bool]
) -> Iterator[tuple[int, int]]:
    for begin, end in marked:
        for match in form.finditer(text, begin, end + 2):
            if check(NOT_BARE.sub("", match[0])):
                yield match.span()


def _addresses(text: str, marked: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for begin, end in marked:
        for match in V4.finditer(text, begin, end + 2):
            start = match.start()
            if is_public_v4(match[0]) and not NUMBERED.search(text, max(0, start - 24), start):
                yield match.span()
    at = text.find(":")
    while at >= 0:
        match = V6.match(text, at - 4) if at >= 4 and text[at + 1 : at + 2].strip() else None
        if match and is_public_v6(match[0].removesuffix(":")):
            yield match.start(), match.start() + len(match[0].removesuffix(":"))
        at = text.find(":", match.end() if match else at + 1)


def _phones(text: str, marked: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for begin, end in marked:
        for number, form in enumerate(PHONES):
            for match in form.finditer(text, max(0, begin - 2), end + 2):
                national = number == len(PHONES) - 1
                fits = not national or LEAST_PHONE <= sum(map(str.isdigit, match[0])) <= MOST_PHONE
                if fits and match[0] != ALL_DIGITS:
                    yield match.span()
