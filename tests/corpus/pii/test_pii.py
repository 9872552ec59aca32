"""Personal data: what is planted is found, what only looks like it is not, and the recipe's word is done."""

import importlib.util
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.document import Document
from calame.corpus.pii import pii_steps
from calame.corpus.pii.find import KINDS, find_all
from calame.corpus.step import Drop, walk
from calame.recipe.texts import Pii

SPEC = importlib.util.spec_from_file_location("planted", Path(__file__).with_name("planted.py"))
assert SPEC and SPEC.loader
planted = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(planted)
PLANTED, LOOK_ALIKES = 1000, 10_000


def document(text: str) -> Document:
    return Document(text, "s", "g", "fr", metadata={"place": "here"})


def test_what_is_planted_is_found_and_look_alikes_are_not(capsys):
    """1,000 planted of each kind, 10,000 look-alikes; every kind is looked for everywhere."""
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for kind in KINDS:
        for text, given_ in planted.sentences(kind, PLANTED, True, 1):
            spans = find_all(text, KINDS)
            found.update(one.kind for one in spans)
            right[kind] += any(one.kind == kind and text[one.start : one.end] == given_ for one in spans)
        for text, _ in planted.sentences(kind, -(-LOOK_ALIKES // len(KINDS)), False, 1):
            found.update(one.kind for one in find_all(text, KINDS))
    with capsys.disabled():
        for kind in KINDS:
            print(f"  {kind:15} recall {right[kind] / PLANTED:.4f}  precision {right[kind] / found[kind]:.4f}")
    for kind in KINDS:
        assert right[kind] / PLANTED >= 0.99, kind
        assert right[kind] / found[kind] >= 0.99, kind


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Appelez le 06 12 34 56 78, ou le +33 (0)1 23 45 67 89.", "phone", ["06 12 34 56 78", "+33 (0)1 23 45 67 89"]),
        ("chiamare 06/12345678 o +39 347 123 4567", "phone", ["06/12345678", "+39 347 123 4567"]),
        ("le 12/06/2024 à 08:02, pages 12 34 56 78 90", "phone", []),
        ("347 123 456 habitants, 365.767.889 francs, BE 0420.429.375, CWE-310/311/312", "phone", []),
        ("http://livres.example/0226104036/", "phone", []),
        ("serveur 93.184.216.34 en version 93.184.216.34", "ip", ["93.184.216.34"]),
        (
            "http://[2606:2800:220:1:248:1893:25c8:1946]/ et std::dead::beef",
            "ip",
            ["2606:2800:220:1:248:1893:25c8:1946"],
        ),
        ("(jean.dupont@mairie.fr).", "email", ["jean.dupont@mairie.fr"]),
        ("logo@2x.png, @handle, a @ b.fr", "email", []),
        ("IBAN FR14 2004 1010 0505 0001 3M02 606 BIC", "iban", ["FR14 2004 1010 0505 0001 3M02 606"]),
        ("carta 4111 1111 1111 1111, non 4111 1111 1111 1112", "card", ["4111 1111 1111 1111"]),
    ],
)
def test_known_cases(text, kind, found):
    assert [text[one.start : one.end] for one in find_all(text, [kind])] == found


def test_off_by_default_and_by_kind():
    assert pii_steps(Pii()) == []
    text = "De a.b@mairie.fr, tél. 06 12 34 56 78."
    (step,) = pii_steps(Pii(email="replace", phone="report"))
    outcome = walk(document(text), [step])
    assert isinstance(outcome.result, Document)
    assert outcome.result.text == "De <EMAIL>, tél. 06 12 34 56 78."
    assert outcome.result.metadata == {"place": "here", "pii": {"email": 1, "phone": 1}}
    assert outcome.changes == (("personal data", len("a.b@mairie.fr") - len("<EMAIL>")),)
    (step,) = pii_steps(Pii(every="replace", phone="drop", placeholders={"email": "[courriel]"}))
    assert step(document(text)) == Drop("personal data", "1 email, 1 phone")
    (step,) = pii_steps(Pii(every="replace", phone="off", placeholders={"email": "[courriel]"}))
    changed = step(document(text))
    assert isinstance(changed, Document)
    assert changed.text.startswith("De [courriel],")


pieces = st.sampled_from(
    [
        "a@b.fr",
        "06 12 34 56 78",
        "FR14 2004 1010 0505 0001 3M02 606",
        "93.184.216.34",
        " ",
        "@",
        "+33",
        "4111111111111111",
        ":",
    ]
)


@given(st.lists(st.one_of(st.text(max_size=20), pieces), max_size=12).map("".join))
def test_any_text_is_only_changed_where_something_was_found(text):
    spans = find_all(text, KINDS)
    assert all(0 <= a.start < a.end <= b.start for a, b in pairwise(spans))
    (step,) = pii_steps(Pii(every="replace"))
    changed = step(document(text))
    assert isinstance(changed, Document)
    if not spans:
        assert changed.text == text
    kept, at = [], 0
    for one in spans:
        kept.append(text[at : one.start])
        at = one.end
    kept.append(text[at:])
    rest = changed.text
    for part in kept:
        assert part in rest
        rest = rest[rest.index(part) + len(part) :]
