"""Repeated paragraphs: the first document to hold one keeps it, bytes are counted, and validation shares none."""

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from calame.corpus.decisions import DUPLICATE, REPEATED, TRAIN, VALIDATION, read_edits
from calame.corpus.join import read_ledgers
from calame.corpus.kept import read_kept
from calame.corpus.ledger import Tally
from corpus.dedup.near_text import decisions, words_of

KEYS = {"least": 40, "left": 30}


def paragraph(seed: int) -> str:
    return " ".join(words_of(random.Random(seed), 12))


def kept_texts(folder, name: str) -> list[tuple[int, str]]:
    return [(kept.split, kept.document.text) for kept in read_kept(folder / "sources" / name, folder / "joined", name)]


def own(number: int) -> list[str]:
    return [f"{paragraph(1000 + number * 20 + n)}\n\n{paragraph(1010 + number * 20 + n)}" for n in range(8)]


def test_the_first_document_keeps_a_paragraph_and_bytes_are_counted(tmp_path):
    p, q, r, s = map(paragraph, range(4))
    sources = {"a": [f"{p}\n\n{q}", *own(1)], "b": [f"{r}\n\n{p.replace(' ', '  ')}\n\n{s}", *own(2)]}
    found = decisions(tmp_path, sources, paragraphs=KEYS)
    assert {*found["a"], *found["b"]} <= {TRAIN, VALIDATION}
    assert dict(read_edits(tmp_path / "joined", "b")) == {0: f"{r}\n\n{s}"}
    assert f"{r}\n\n{s}" in [text for _, text in kept_texts(tmp_path, "b")]
    ledgers = read_ledgers(tmp_path / "joined")
    taken = len(sources["b"][0].encode()) - len(f"{r}\n\n{s}".encode())
    assert ledgers["b"].changed == {"repeated paragraphs": Tally(1, taken)} and not ledgers["a"].changed
    assert ledgers["b"].balances()
    assert not (tmp_path / "joined/a.edits.jsonl.zst").exists()


def test_a_document_of_which_little_is_left_goes(tmp_path):
    p, q = paragraph(0), paragraph(1)
    found = decisions(tmp_path, {"a": [f"{p}\n\n{q}", f"Titre\n\n{p}", p + "\n", *own(1)]}, paragraphs=KEYS)
    assert found["a"][1:3] == [REPEATED, REPEATED]
    ledger = read_ledgers(tmp_path / "joined")["a"]
    assert ledger.dropped == {"little but repeated paragraphs": Tally(2, len(f"Titre\n\n{p}{p}".encode()))}
    assert not ledger.changed


def test_what_a_dropped_document_held_is_kept_elsewhere(tmp_path):
    p, q, r = (paragraph(number)[:60] for number in range(3))
    sources = {"a": [p, f"{p}\n\n{q}", f"{q}\n\n{r}{r}", *own(1)]}
    found = decisions(tmp_path, sources, paragraphs={"least": 40, "left": 100})
    assert found["a"][1] == REPEATED and found["a"][2] in (TRAIN, VALIDATION)
    assert any(q in text for _, text in kept_texts(tmp_path, "a"))


def test_short_lines_and_a_documents_own_refrain_stay(tmp_path):
    refrain = paragraph(0)
    texts = [f"{refrain}\n\nOui.\n\n{refrain}\n\nOui.", f"{paragraph(2)}\n\nOui.", *own(1)]
    decisions(tmp_path, {"a": texts}, paragraphs=KEYS)
    assert sorted(text for _, text in kept_texts(tmp_path, "a")) == sorted(texts)


def test_texts_that_become_equal_are_exact_duplicates(tmp_path):
    p, q = paragraph(0), paragraph(1)
    tail = "\n".join(["une ligne courte"] * 4)
    sources = {"a": [f"{p}\n{q}", f"{p}\n{tail}", f"{q}\n{tail}", *own(1)]}
    found = decisions(tmp_path, sources, paragraphs=KEYS)
    assert found["a"][2] == DUPLICATE
    ledger = read_ledgers(tmp_path / "joined")["a"]
    assert ledger.changed["repeated paragraphs"].documents == 2
    assert ledger.dropped["exact duplicate"] == Tally(1, len(tail.encode()))
    assert ledger.balances()


@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_no_paragraph_stands_twice_and_none_is_lost(tmp_path_factory, seed):
    folder, draw = tmp_path_factory.mktemp("paragraphs"), random.Random(seed)
    stock = [paragraph(number) for number in range(25)] + ["court", "bref"]
    gaps = ["\n", "\n\n", "\n \n\n"]
    texts = ["".join(p + draw.choice(gaps) for p in draw.choices(stock, k=draw.randint(1, 5))) for _ in range(30)]
    cut = draw.randint(1, 29)
    sources = {"a": [*texts[:cut], *own(1)], "b": [*texts[cut:], *own(2)]}
    decisions(folder, sources, share=0.3, paragraphs=KEYS)
    seen: dict[str, int] = {}
    for at, (_, text) in enumerate(kept for name in sources for kept in kept_texts(folder, name)):
        for line in {line for line in text.split("\n") if len(line) >= KEYS["least"]}:
            assert seen.setdefault(line, at) == at  # in two documents; so never on two sides of validation
    held = {line for name in sources for _, text in kept_texts(folder, name) for line in text.split("\n")}
    assert held >= {line for text in texts for line in re.split(r"\n", text) if len(line) >= KEYS["least"]}
    for ledger in read_ledgers(folder / "joined").values():
        assert ledger.balances()
