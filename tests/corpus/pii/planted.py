"""Personal data that is invented but valid, and look-alikes that are not; by arithmetic of its own, none of the code
under test. Each draw gives a string; `sentences` puts it into running text."""

from __future__ import annotations

import ipaddress
import random
import string
from collections.abc import Callable, Iterator

Draw = random.Random
FRAMES = (
    "Pour toute question, écrivez à {} avant le 12 mars 2021, s’il vous plaît.",
    "Le dossier n° 48 indique : {}. Il a été clos en 1998.",
    "Per informazioni: {} (dal lunedì al venerdì, ore 9-13).",
    "Il signor Rossi ha lasciato {}, poi è partito per Torino nel 2004.",
    "Please note {} and reply within 30 days.",
    "Coordonnées « {} » transmises au service des achats, 3e étage.",
    "{}\nUne autre ligne, avec 1 234 567 habitants et 3,14 de moyenne.",
    "Réf. interne\t{}; voir page 112.",
)


def digits(draw: Draw, number: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(number))


def grouped(text: str, sizes: list[int], separator: str) -> str:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return separator.join([*pieces, text[at:]]).strip(separator)


# Cards: the check digit is tried out; a doubled digit above 9 loses 9.
def luhn_sum(number: str) -> int:
    total = 0
    for place, sign in enumerate(reversed(number)):
        digit = int(sign) * (2 if place % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total


CARDS = [
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("36", 14),
    ("6011", 16),
]
CARDS += [("3530", 16), ("62", 16), ("62", 19), ("6759", 16), ("5018", 16)]


def card(draw: Draw, right: bool = True) -> str:
    start, length = draw.choice(CARDS)
    body = start + digits(draw, length - 1 - len(start))
    check = next(sign for sign in string.digits if luhn_sum(body + sign) % 10 == 0)
    if not right:
        check = draw.choice([sign for sign in string.digits if sign != check])
    sizes = {16: [4, 4, 4], 15: [4, 6], 14: [4, 6], 19: [4, 4, 4, 4]}[length]
    return grouped(body + check, *draw.choice([(sizes, " "), (sizes, "-"), ([], ""), (sizes, "\u00a0")]))


# IBAN: check digits 98 - (number mod 97), the number divided piece by piece as on paper.
IBANS = {
    "FR": "nnnnnnnnnncccccccccccnn",
    "IT": "annnnnnnnnncccccccccccc",
    "DE": "n" * 18,
    "BE": "n" * 12,
    "NL": "aaaannnnnnnnnn",
}
IBANS |= {
    "GB": "aaaa" + "n" * 14,
    "ES": "n" * 20,
    "CH": "nnnnncccccccccccc",
    "NO": "n" * 11,
    "MT": "aaaannnnn" + "c" * 18,
}
IBANS |= {"LU": "nnnccccccccccccc", "MC": "nnnnnnnnnncccccccccccnn", "SM": "annnnnnnnnncccccccccccc", "PT": "n" * 21}
SIGNS = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}


def mod_97(number: str) -> int:
    rest = 0
    for sign in number:
        rest = (rest * 10 + int(sign)) % 97
    return rest


def iban(draw: Draw, right: bool = True) -> str:
    country = draw.choice(list(IBANS))
    body = "".join(draw.choice(SIGNS[kind]) for kind in IBANS[country])
    expanded = "".join(sign if sign.isdigit() else str(ord(sign) - 55) for sign in f"{body}{country}00")
    check = 98 - mod_97(expanded)
    if not right:
        check = draw.choice([other for other in range(2, 99) if other != check])
    code = f"{country}{check:02d}{body}"
    return grouped(code, *draw.choice([([4] * (len(code) // 4), " "), ([], ""), ([4] * (len(code) // 4), "\u00a0")]))


# NIR: for Corsica INSEE says: A and B as 0, and a million or two less.
def nir(draw: Draw, right: bool = True) -> str:
    place = draw.choice(["2A", "2B", *(f"{n:02d}" for n in range(1, 96) if n != 20), "97", "99"])
    month = draw.choice([*range(1, 13), 20, 31, 50, 99])
    body = f"{draw.choice('12')}{digits(draw, 2)}{month:02d}{place}{digits(draw, 3)}{digits(draw, 3)}"
    less = {"A": 1_000_000, "B": 2_000_000}.get(body[6], 0)
    key = 97 - (int(body[:6] + body[6].replace("A", "0").replace("B", "0") + body[7:]) - less) % 97
    if not right:
        key = draw.choice([other for other in range(1, 98) if other != key])
    sizes = [1, 2, 2, 2, 3, 3]
    return grouped(
        f"{body}{key:02d}", *draw.choice([(sizes, " "), ([], ""), ([13], " "), (sizes, "\u00a0"), (sizes, ".")])
    )


# Codice fiscale: at odd places a sign counts as its place in this row of letters (a digit as the letter of its number).
ROW = "BAKPLCQDREVOSFTGUHMINJWZYX"


def codice_fiscale(draw: Draw, right: bool = True) -> str:
    letter = lambda signs="BCDFGLMNPRSTVZ": draw.choice(signs)  # noqa: E731
    day = draw.randint(1, 28) + draw.choice([0, 40])
    body = "".join(letter() for _ in range(6)) + digits(draw, 2) + letter("ABCDEHLMPRST") + f"{day:02d}"
    body += letter("ABCDEFGHILMZ") + digits(draw, 3)
    for place in draw.sample([6, 7, 9, 10, 12, 13, 14], draw.choice([0, 0, 0, 1, 2, 7])):  # omocodia
        body = body[:place] + "LMNPQRSTUV"[int(body[place])] + body[place + 1 :]
    as_letters = [sign if sign.isalpha() else string.ascii_uppercase[int(sign)] for sign in body]
    total = sum(ROW.index(sign) if n % 2 == 0 else ord(sign) - 65 for n, sign in enumerate(as_letters))
    check = string.ascii_uppercase[total % 26]
    if not right:
        check = draw.choice([other for other in string.ascii_uppercase if other != check])
    code = body + check
    if code[6:8].isdigit() and code[9:11].isdigit() and code[12:15].isdigit() and draw.random() < 0.2:
        return code.lower()
    return grouped(code, *draw.choice([([], ""), ([], ""), ([3, 3, 5], " ")]))


NAMES = ["marie.durand", "g_rossi", "j-p.martin", "info", "anna+liste", "o'brien", "x2000", "élise.petit", "prenom.nom"]
DOMAINS = [
    "orange.fr",
    "libero.it",
    "exemple-mairie.fr",
    "uni.edu",
    "mail.comune.roma.it",
    "a-b.co.uk",
    "societe.museum",
]


def email(draw: Draw, right: bool = True) -> str:
    name, domain = draw.choice(NAMES) + draw.choice(["", digits(draw, 2)]), draw.choice(DOMAINS)
    if right:
        return f"{name}@{domain}"
    wrong = [
        f"@{name.replace('.', '')}",
        f"{name} @ {domain}",
        f"{name}@localhost",
        f"{name}@2x.png",
        f"paquet@{draw.randint(1, 9)}.2.3",
    ]
    return draw.choice(
        [*wrong, f"{name} at {domain}", f"{name}@@{domain}", f"{name}@.{domain.split('.')[-1]}", f"{domain}/@{name}"]
    )


def ip(draw: Draw, right: bool = True) -> str:
    part = lambda low=0: draw.randint(low, 255)  # noqa: E731
    if not right:
        small = ".".join(str(draw.randint(0, 29)) for _ in range(4))
        word = draw.choice(
            ["version", "v", "Version", "versione", "release", "article", "art.", "chap.", "Chrome/", "§"]
        )
        numbered = f"{word}{draw.choice(['', ' ']) if word in ('v', '§') else '' if word.endswith('/') else ' '}"
        local = [
            f"192.168.{part()}.{part()}",
            f"10.{part()}.{part()}.{part()}",
            f"127.0.0.{part()}",
            f"172.16.{part()}.{part()}",
        ]
        broken = [
            f"{draw.randint(256, 999)}.{part()}.{part()}.{part()}",
            f"{part(30)}.{part()}.{part()}",
            f"{part(30)}.{part()}.{part()}.{part()}.{part()}",
        ]
        six = [
            "::1",
            f"fe80::{draw.randint(1, 9999)}",
            f"2001:db8::{draw.randint(1, 9999)}",
            "12:30:45",
            "std::vector",
            "a::b",
            "00:1b:44:11:3a:b7",
        ]
        return draw.choice([small, f"{numbered}{part(30)}.{part()}.{part()}.{part()}", *local, *broken, *six])
    if draw.random() < 0.4:
        halves = ":".join(f"{draw.randint(1, 65535):x}" for _ in range(draw.choice([3, 5])))
        address = ipaddress.IPv6Address(
            f"{draw.choice(['2a01', '2a02', '2606', '2c0f'])}:{halves}::{draw.randint(1, 65535):x}"
        )
        return draw.choice([str(address), address.exploded, str(address).upper()])
    while True:
        address = f"{draw.randint(30, 223)}.{part()}.{part()}.{part()}"
        if ipaddress.IPv4Address(address).is_global:
            return address


def phone(draw: Draw, right: bool = True) -> str:
    if not right:
        return _no_phone(draw)
    return draw.choice([_french, _french, _italian_mobile, _italian_landline])(draw)


def _french(draw: Draw) -> str:
    nine = draw.choice("1234566677789") + digits(draw, 8)
    pairs = [nine[n : n + 2] for n in range(1, 9, 2)]
    between = draw.choice([" ", ".", "-", "\u00a0", "\u202f", "/", ""])
    national = between.join([f"0{nine[0]}", *pairs])
    abroad = draw.choice(["+33 ", "+33", "0033 ", "0033", "+33 (0)", "+33(0)"]) + between.join([nine[0], *pairs])
    return draw.choice([national, national, abroad])


def _italian_mobile(draw: Draw) -> str:
    head, tail = draw.choice(["320", "333", "347", "348", "366", "380", "392"]), digits(draw, 7)
    shapes = [f"{head} {tail}", f"{head}-{tail}", f"{head}/{tail}", f"{head}.{tail}", head + tail]
    shapes += [f"{head} {tail[:3]} {tail[3:]}", f"{head} {tail[:2]} {tail[2:4]} {tail[4:]}"]
    return draw.choice(["", "", "+39 ", "+39", "0039 "]) + draw.choice(shapes)


def _italian_landline(draw: Draw) -> str:
    district = draw.choice(["02", "06", "011", "055", "081", "0532", "0423", "0775"])
    rest = digits(draw, {2: 8, 3: 7, 4: 6}[len(district)])
    rest = draw.choice("23456789") + rest[1:]
    half = len(rest) // 2
    shapes = [
        f"{district} {rest}",
        f"{district}/{rest}",
        f"{district}-{rest}",
        f"({district}) {rest}",
        f"{district} {rest[:half]} {rest[half:]}",
    ]
    abroad = [f"+39 {district} {rest}", f"+39{district}{rest}", f"0039 {district} {rest}", f"+39 ({district}) {rest}"]
    return draw.choice([*shapes, *abroad])


def _no_phone(draw: Draw) -> str:
    pair = lambda: digits(draw, 2)  # noqa: E731
    first, year = draw.choice("123456789"), draw.randint(1900, 2030)
    day, month = draw.randint(1, 28), draw.randint(1, 12)
    wrong = [
        f"0{first} {pair()} {pair()} {pair()}",  # a pair too few
        f"0{first} {pair()} {pair()} {pair()} {pair()} {pair()} {pair()}",  # a row of numbers
        f"{draw.randint(10, 99)} {pair()} {pair()} {pair()} {pair()} {pair()}",
        f"0{first}{digits(draw, 9)}",  # a digit too many
        f"0{first}{digits(draw, 7)}",
        f"00 {pair()} {pair()} {pair()} {pair()}",
        f"{day:02d}/{month:02d}/{year} 08:{draw.randint(10, 59)}",
        f"{day:02d}-{month:02d}-{year}",
        f"{year}-{month:02d}-{day:02d} 10:30:00",
        f"{draw.randint(310, 399)} {digits(draw, 3)} {digits(draw, 3)}",  # a number in French
        f"{draw.randint(1, 9)} {digits(draw, 3)} {digits(draw, 3)} {digits(draw, 3)}",
        f"978-2-{digits(draw, 4)}-{digits(draw, 4)}-{digits(draw, 1)}",  # ISBN
        f"{draw.randint(0, 9)},{digits(draw, 12)}",
        f"0.{draw.randint(310, 399)}{digits(draw, 7)}",
        f"+1 {draw.randint(200, 999)}-555-{digits(draw, 4)}",
        f"{draw.randint(10, 95)}{digits(draw, 3)} {draw.randint(1, 99)}",
    ]
    return draw.choice(wrong)


KINDS: dict[str, Callable[..., str]] = {
    "email": email,
    "ip": ip,
    "phone": phone,
    "iban": iban,
    "card": card,
    "nir": nir,
    "codice_fiscale": codice_fiscale,
}


def sentences(kind: str, number: int, right: bool, seed: int) -> Iterator[tuple[str, str]]:
    """So many (running text, the string in it): personal data of a kind, or look-alikes of it."""
    draw = random.Random(f"{seed} {kind} {right}")
    for _ in range(number):
        planted = KINDS[kind](draw, right)
        yield draw.choice(FRAMES).format(planted), planted
