"""Ledgers of parts add up to that of the whole, however it was cut and in whatever order they are added."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.document import Document
from calame.corpus.ledger import SAMPLES, SourceLedger, Tally, origin_of
from calame.corpus.read import Reject

RULES = st.sampled_from(["too short", "empty", "no column"])
event = st.one_of(
    st.tuples(st.just("keep"), st.sampled_from(["read/fr", "read/it"]), st.integers(1, 99), st.integers(-5, 5)),
    st.tuples(st.just("drop"), RULES, st.integers(0, 99), st.integers(0, 30)),
)


def ledger_of(events) -> SourceLedger:
    ledger = SourceLedger()
    for kind, name, size, number in events:
        if kind == "keep":
            ledger.came.add(size + number)
            ledger.keep(name, Tally(1, size))
            ledger.change("repair", Tally(1, number))
            ledger.credit(Document("", "a", "g", "fr", f"licence {size % 3}", {"url": f"https://h{size % 4}.fr/x"}))
        else:
            ledger.came.add(size)
            ledger.drop(name, Tally(1, size))
            ledger.show(name, Reject(f"a:{number}", f"{name}: {size}", size, "texte"))
    return ledger


@given(st.lists(event, max_size=40), st.lists(st.integers(0, 40), max_size=4), st.randoms())
def test_parts_add_up_to_the_whole(events, cuts, random):
    edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
    parts = [events[a:b] for a, b in pairwise(edges)]
    random.shuffle(parts)
    total = SourceLedger()
    for part in parts:
        total.add(SourceLedger.from_json(ledger_of(part).to_json()))
    whole = ledger_of(events)
    assert total.to_json() == whole.to_json() and total.balances() and whole.balances()
    assert all(len(found) <= SAMPLES for found in total.samples.values())


def test_a_ledger_that_lost_a_byte_does_not_balance():
    ledger = ledger_of([("keep", "read/fr", 10, 2), ("drop", "empty", 3, 0)])
    assert ledger.balances()
    ledger.change("repair", Tally(0, 1))
    assert not ledger.balances()


def test_who_is_named():
    def origin(**metadata):
        return origin_of(Document("t", "a", "g", "fr", metadata=metadata))

    assert origin(url="https://www.exemple.fr/a?b", source="b") == "www.exemple.fr"
    assert origin(url="http://[broken", source="wiki") == "wiki"
    assert origin(url=7, source=None) == "" and origin() == ""
