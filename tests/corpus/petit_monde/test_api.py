"""The contract of `rows`: identity, size, balance, shape of the rows, refusals."""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calame.corpus.petit_monde import LANGUAGES, MINIMUM_SIZE, PARTS, rows

GOLDEN = {
    "prose": "7fd7d1104cceaf7c1512aa800f448a683dcde9c066f6776cd8a4648f1e37ec7c",
    "dialogues": "34878f0779ce8f0ac2ee565390d7b3a278ee4ee09842cf969ef673f00d0dc22a",
    "preferences": "825f870f4880ed93e3aa491062aec0105d8325d7940a87c0993f8122b2f659dd",
    "probes": "a32a8ed80cc725b2bdbb166fa5fd808a8c80c9b6e6c3d0a67150ca82a3d8f3bf",
    "questions": "6fc2a80775b1fc00f2ea811aa3dbb85e050c282bcb3aabfc7ed58864b8f35d00",
}
"""SHA-256 of the first 600 rows of each part at seed 7 and the smallest size. A change of any wording changes them:
renew them knowingly, since every text ever made from a seed changes with them."""


def digest(part: str, **arguments: object) -> str:
    found = itertools.islice(rows(part, **arguments), 600)  # pyright: ignore[reportArgumentType]
    text = "\n".join(json.dumps(row, ensure_ascii=False, sort_keys=True) for row in found)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("part", PARTS)
def test_text_never_changes_silently(part: str) -> None:
    assert digest(part, seed=7, size=MINIMUM_SIZE) == GOLDEN[part]


@pytest.mark.parametrize("part", PARTS)
@given(seed=st.integers(-5, 10**12))
@settings(max_examples=3, deadline=None)
def test_same_arguments_same_rows(part: str, seed: int) -> None:
    first, second = (digest(part, seed=seed, size=MINIMUM_SIZE) for _ in range(2))
    assert first == second
    assert first != digest(part, seed=seed + 1, size=MINIMUM_SIZE)


@pytest.mark.parametrize("part", PARTS)
def test_a_language_does_not_depend_on_the_others(part: str) -> None:
    alone = list(rows(part, seed=3, size=100_000, languages=["it"]))
    together = [row for row in rows(part, seed=3, size=300_000) if row["language"] == "it"]
    assert alone == together


@given(size=st.integers(100_000, 400_000), languages=st.permutations(LANGUAGES).map(lambda codes: codes[:2]))
@settings(max_examples=5, deadline=None)
def test_size_is_reached_and_languages_are_balanced(size: int, languages: list[str]) -> None:
    texts: dict[str, list[int]] = {code: [] for code in languages}
    for row in rows("prose", seed=1, size=size, languages=languages):
        texts[str(row["language"])].append(len(str(row["text"]).encode()))
    share = size / len(languages)
    for lengths in texts.values():
        assert sum(lengths) >= share
        assert sum(lengths[:-1]) <= share
    assert sum(map(sum, texts.values())) >= size


def test_languages_come_by_turns() -> None:
    found = itertools.islice(rows("prose", seed=1, size=200_000), 9)
    assert [row["language"] for row in found] == [*LANGUAGES] * 3


def test_a_large_corpus_is_streamed() -> None:
    row = next(rows("prose", seed=1, size=1_000_000_000))
    assert row["language"] == "fr"


def test_shape_of_the_rows() -> None:
    keys = {
        "prose": {"text", "language", "group", "kind"},
        "dialogues": {"messages", "language", "kind"},
        "preferences": {"prompt", "chosen", "rejected", "language", "kind"},
        "probes": {"prompt", "expected", "language", "kind"},
        "questions": {"question", "answer", "value", "candidates", "kind", "relation", "subject", "language"},
    }
    for part in PARTS:
        found = list(rows(part, seed=2, size=MINIMUM_SIZE))
        assert all(set(row) == keys[part] for row in found)
        assert found == [json.loads(json.dumps(row)) for row in found]
        assert {row["language"] for row in found} == set(LANGUAGES)
    groups = [row["group"] for row in rows("prose", seed=2, size=MINIMUM_SIZE)]
    assert len(set(groups)) == len(groups)


def test_dialogues_alternate_and_a_fifth_have_several_turns() -> None:
    found = list(rows("dialogues", seed=2, size=MINIMUM_SIZE))
    turns = []
    for row in found:
        roles = [message["role"] for message in row["messages"]]  # pyright: ignore
        spoken = roles[1:] if roles[0] == "system" else roles
        assert spoken == ["user", "assistant"] * (len(spoken) // 2)
        turns.append(len(spoken) // 2)
    assert max(turns) <= 4
    assert 0.15 < sum(count > 1 for count in turns) / len(turns) < 0.3
    assert {row["kind"] for row in found} == {"recall", "inference", "talk", "knowledge"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"part": "poetry", "seed": 1, "size": 10**6}, "part must be one of"),
        ({"part": "prose", "seed": "1", "size": 10**6}, "seed must be an integer"),
        ({"part": "prose", "seed": True, "size": 10**6}, "seed must be an integer"),
        ({"part": "prose", "seed": 1, "size": 99_999}, "size must be an integer of at least 100000"),
        ({"part": "prose", "seed": 1, "size": 1e6}, "size must be an integer"),
        ({"part": "prose", "seed": 1, "size": 10**6, "languages": []}, "languages must be"),
        ({"part": "prose", "seed": 1, "size": 10**6, "languages": "fr"}, "languages must be"),
        ({"part": "prose", "seed": 1, "size": 10**6, "languages": ["fr", "de"]}, "languages must be"),
        ({"part": "prose", "seed": 1, "size": 10**6, "languages": ["fr", "fr"]}, "languages must be"),
    ],
)
def test_refusals(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rows(**arguments)  # pyright: ignore
