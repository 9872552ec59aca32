"""Check digits: whether a number that looks like one is one. Each takes the bare number, without separators."""

from __future__ import annotations

import ipaddress
import re

# Length by country of the IBAN, from the SWIFT IBAN registry, release 101.
IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTH = {country: length for length, countries in IBAN_COUNTRIES.items() for country in countries.split()}

# Issuers of payment cards by their first digits, and the lengths they issue (ISO/IEC 7812 ranges as issuers publish
# them). Visa's 13 digits are left out: no longer issued, and those of an EAN-13 bar code of Germany.
ISSUERS = (
    (re.compile(r"4"), (16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"30[0-5]|36|3[89]"), (14, 16, 19)),  # Diners Club
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),  # Discover
    (re.compile(r"352[89]|35[3-8]"), (16, 19)),  # JCB
    (re.compile(r"62|81"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"50[0-9]|5[6-9]|63|67"), (16, 18, 19)),  # Maestro
)

# Ministerial decree of 23 December 1976 on the codice fiscale: values of characters at odd places (the first is one);
# at even places a digit is itself and a letter its place in the alphabet.
ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21) * 2 + (2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)
OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")  # letters that stand for digits where two people had one code
CODE_DIGITS = (6, 7, 9, 10, 12, 13, 14)  # places of the digits in a codice fiscale, from 0


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, its digits added; the sum ends in 0."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_card(digits: str) -> bool:
    return luhn(digits) and any(len(digits) in lengths and first.match(digits) for first, lengths in ISSUERS)


def is_iban(code: str) -> bool:
    """ISO 13616: country and check digits moved to the end, letters as numbers from 10, the rest by 97 is 1."""
    if len(code) != IBAN_LENGTH.get(code[:2]):
        return False
    return int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1


def is_nir(code: str) -> bool:
    """INSEE: the key is 97 less the rest of the number by 97, where Corsica's 2A and 2B count as 19 and 18."""
    number = code[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(code[13:])


def is_codice_fiscale(code: str) -> bool:
    """The sixteenth character is the sum of the others' values by 26, as a letter; the birthday must exist."""
    code = code.upper()
    day = int(code[9:11].translate(OMOCODIA))
    if not (1 <= day <= 31 or 41 <= day <= 71):  # 40 more for women
        return False
    even = sum(int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in code[1:15:2])
    return (sum(ODD[sign] for sign in code[:15:2]) + even) % 26 == ord(code[15]) - ord("A")


def is_public_v4(address: str) -> bool:
    """Public, and not rather a numbering: four numbers below 30 are sections of a law far more often than a machine
    (by chance 1 address in 5,000 is like that)."""
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return parsed.is_global and any(part >= 30 for part in parsed.packed)


def is_public_v6(address: str) -> bool:
    """Public: of 2000::/3, all that has been given out (so `a::b` of a program is none)."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return parsed.is_global and parsed in ipaddress.IPv6Network("2000::/3")
