"""Joining sources: duplicates go once, validation never shares a group with training, and the ledger closes."""

from itertools import compress, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.decisions import DUPLICATE, TRAIN, UNUSED, VALIDATION, read_decisions
from calame.corpus.dedup.exact import drop_exact
from calame.corpus.gather import KEY, gather, read_documents
from calame.corpus.join import join, read_ledgers
from calame.corpus.ledger import Tally, table
from calame.corpus.pool import Pool
from calame.corpus.read import SourceReader
from calame.corpus.validation import reserve
from calame.recipe.corpus import Source, ValidationText
from calame.recipe.errors import UserError
from calame.run.files import read_json
from support import folder_digest, write_lines

LANGUAGES = ["fr", "it"]
SHARE = ValidationText(share=0.1)


def sources(folder, tables: dict[str, list[dict]]) -> dict:
    """Gather each table of rows (text, lang, group) as a source."""
    for name, rows in tables.items():
        write_lines(folder / f"{name}.jsonl", rows)
        (folder / "sources" / name).mkdir(parents=True)
        source = Source.model_validate({"from": str(folder / f"{name}.jsonl")})
        gather(SourceReader(name, source, LANGUAGES, 1), folder / "sources" / name)
    return {name: folder / "sources" / name for name in tables}


def joined(folder, tables, validation=SHARE, to="joined", ood=()):
    """[(source, document, decision)] of all documents, and the folder."""
    paths = sources(folder, tables)
    (folder / to).mkdir()
    join(paths, validation, folder / to, ood=ood)
    found = [
        (name, document, int(decision))
        for name, path in paths.items()
        for document, decision in zip(read_documents(path), read_decisions(folder / to, name), strict=True)
    ]
    return found, folder / to


def rows(number: int, language: str = "fr", start: int = 0, size: int = 20) -> list[dict]:
    return [{"text": f"texte {language} {start + n} ".ljust(size, "x"), "lang": language} for n in range(number)]


def test_the_first_source_that_holds_a_text_keeps_it(tmp_path):
    tables = {"a": [*rows(5), *rows(2)], "b": [*rows(3), *rows(4, start=10)]}
    found, folder = joined(tmp_path, tables)
    dropped = [(name, document.text[:10].strip()) for name, document, decision in found if decision == DUPLICATE]
    assert dropped == [("a", "texte fr 0"), ("a", "texte fr 1"), *(("b", f"texte fr {n}") for n in range(3))]
    kept = [document.hash for _, document, decision in found if decision != DUPLICATE]
    assert len(kept) == len(set(kept)) == 9
    assert read_ledgers(folder)["b"].dropped["exact duplicate"].documents == 3


def test_the_order_of_the_sources_is_their_priority(tmp_path):
    tables = {"b": [*rows(3), *rows(4, start=10)], "a": rows(5)}
    found, _ = joined(tmp_path, tables)
    assert {name for name, _, decision in found if decision == DUPLICATE} == {"a"}


cell = st.tuples(st.integers(0, 40), st.sampled_from(LANGUAGES), st.integers(0, 5))
cells = st.lists(cell, min_size=1, max_size=40)


def possible(tables: dict[str, list[dict]]) -> bool:
    """Whether the groups of each source can be dealt so that both sides hold each of its languages (by trying all)."""
    seen: set[str] = set()
    for part in tables.values():
        groups: dict[str, set[str]] = {}
        for row in part:
            if row["text"] not in seen:
                groups.setdefault(row["group"], set()).add(row["lang"])
                seen.add(row["text"])
        spoken = set().union(*groups.values())
        deals = product([False, True], repeat=len(groups))
        sides = ([set().union(*compress(groups.values(), deal)) for deal in (d, [not x for x in d])] for d in deals)
        if not spoken or not any(side == [spoken, spoken] for side in sides):
            return False
    return True


@given(cells, cells, st.floats(0.01, 0.4))
def test_whatever_the_groups_languages_and_duplicates(tmp_path_factory, first, second, share):
    """No group on both sides, validation and training text in every slice, a ledger that adds up; an error only where
    that is not possible."""
    folder = tmp_path_factory.mktemp("join")
    tables = {
        name: [
            {"text": f"texte {text} {language}", "lang": language, "group": f"g{group}"}
            for text, language, group in part
        ]
        for name, part in (("a", first), ("b", second))
    }
    try:
        found, out = joined(folder, tables, ValidationText(share=share))
    except UserError as error:
        assert all("corpus.sources." in problem.where for problem in error.problems)
        assert not (folder / "joined/ledger.json").exists()
        assert not possible(tables)
        return
    assert possible(tables)
    for name in tables:
        mine = [(document, decision) for source, document, decision in found if source == name]
        sides = [{d.group for d, decision in mine if decision == side} for side in (TRAIN, VALIDATION)]
        assert not sides[0] & sides[1]
        for language in {d.language for d, decision in mine if decision != DUPLICATE}:
            spoken = [decision for d, decision in mine if d.language == language]
            assert TRAIN in spoken and VALIDATION in spoken
    texts = [document.text for _, document, decision in found if decision != DUPLICATE]
    assert sorted(texts) == sorted({row["text"] for part in tables.values() for row in part})
    for name, ledger in read_ledgers(out).items():
        assert ledger.balances()
        for place, side in (("train", TRAIN), ("validation", VALIDATION)):
            for language in LANGUAGES:
                sizes = [
                    len(d.text.encode())
                    for source, d, decision in found
                    if (source, d.language, decision) == (name, language, side)
                ]
                assert ledger.kept.get(f"{place}/{language}", Tally()) == Tally(len(sizes), sum(sizes))


def test_languages_that_share_a_group(tmp_path):
    """fr stands in groups 1 and 2, it in 2 and 3. Without 2 and one of the others, one has no text to train on."""
    shared = [
        {"text": f"{lang}{g}", "lang": lang, "group": g} for lang, g in (("fr", 1), ("fr", 2), ("it", 2), ("it", 3))
    ]
    found, _ = joined(tmp_path, {"a": shared})
    assert {d.language for _, d, decision in found if decision == TRAIN} == {"fr", "it"}
    assert {d.language for _, d, decision in found if decision == VALIDATION} == {"fr", "it"}


@pytest.mark.parametrize("groups", [["one", "one", "one"], ["one"]])
def test_one_group_alone_cannot_be_divided(tmp_path, groups):
    part = [{"text": f"t{n}", "lang": "fr", "group": group} for n, group in enumerate(groups)]
    with pytest.raises(UserError) as refused:
        joined(tmp_path, {"a": part, "b": rows(5)})
    message = str(refused.value)
    assert "corpus.sources.a" in message and "one group" in message and "document=passage" in message
    assert "corpus.sources.b" not in message


def test_every_slice_that_cannot_be_divided_is_named_at_once(tmp_path):
    alone = [{"text": "seul", "lang": "it"}]
    with pytest.raises(UserError) as refused:
        joined(tmp_path, {"a": [*rows(5), *alone], "b": [{"text": "unique", "lang": "fr"}]})
    assert [problem.where for problem in refused.value.problems] == ["corpus.sources.a", "corpus.sources.b"]
    assert "its it text" in refused.value.problems[0].found


def test_a_source_that_holds_nothing_new_is_named(tmp_path):
    with pytest.raises(UserError, match=r"corpus\.sources\.b: all its texts are in the sources before it"):
        joined(tmp_path, {"a": rows(5), "b": rows(3)})


def test_the_share_is_kept_for_each_language_and_source(tmp_path):
    found, folder = joined(tmp_path, {"a": [*rows(200), *rows(50, "it")], "b": rows(100, start=500)})
    counts = {name: part["documents"] for name, part in read_json(folder / "validation.json").items()}
    assert counts == {"fr-a": 20, "it-a": 5, "fr-b": 10}
    assert sum(decision == VALIDATION for *_, decision in found) == 35


def test_most_limits_what_is_reserved(tmp_path):
    _, folder = joined(tmp_path, {"a": rows(500, size=100)}, ValidationText(share=0.4, most=1000))
    assert read_json(folder / "validation.json")["fr-a"]["bytes"] == 1000


def test_one_great_work_is_not_given_away_by_chance(tmp_path):
    """A group that holds most of a small corpus goes to validation only if there is no other."""
    for number in range(20):
        great = [{"text": f"page {number} {n}" * 50, "lang": "fr", "group": f"great {number}"} for n in range(20)]
        folder = tmp_path / str(number)
        folder.mkdir()
        found, _ = joined(folder, {"a": [*great, *rows(20)]}, ValidationText(share=0.01))
        assert not any(d.group.startswith("great") for _, d, decision in found if decision == VALIDATION)


def test_what_is_out_of_domain_is_never_trained_on(tmp_path):
    """As much as validation needs is reserved, the rest goes; a text that is trained on too is in training alone."""
    tables = {"a": rows(40, size=100), "books": [*rows(30, start=100, size=100), *rows(3, size=100)]}
    found, folder = joined(tmp_path, tables, ValidationText(share=0.1, most=1000), ood=["books"])
    books = [decision for name, _, decision in found if name == "books"]
    assert books.count(VALIDATION) == 10 and books.count(UNUSED) == 20 and books.count(DUPLICATE) == 3
    assert [decision for name, _, decision in found if name == "a"].count(TRAIN) == 36
    slices = read_json(folder / "validation.json")
    assert set(slices) == {"fr-a", "ood-fr-books"} and slices["ood-fr-books"]["documents"] == 10
    assert read_ledgers(folder)["books"].dropped["out of domain, and not needed for validation"].documents == 20


def test_what_is_tied_to_text_out_of_domain_stands_on_its_side(tmp_path):
    """Near duplicates of what is trained on: both are held out, or the one out of domain goes."""
    paths = sources(tmp_path, {"a": rows(20, size=100), "books": rows(20, start=50, size=100)})
    pool = Pool.open(paths)
    pool.ties = [(row, 20 + row) for row in range(20)]
    reserve(pool, ValidationText(share=0.1, most=10**6), ["books"])
    mine, theirs = pool.decisions[:20], pool.decisions[20:]
    assert (mine == TRAIN).sum() == 1, "one is left to train on"
    assert (theirs == np.where(mine == TRAIN, UNUSED, VALIDATION)).all()


def test_the_hash_of_a_slice_is_of_exactly_its_texts(tmp_path):
    def slices(name, tables):
        (tmp_path / name).mkdir()
        return read_json(joined(tmp_path / name, tables)[1] / "validation.json")

    base = {"a": [*rows(100), *rows(100, "it")]}
    first = slices("first", base)
    assert slices("same", base) == first
    changed = [{**row, "text": row["text"] + "!"} if row["lang"] == "it" else row for row in base["a"]]
    other = slices("other", {"a": changed})
    assert other["fr-a"]["hash"] == first["fr-a"]["hash"]
    assert other["it-a"]["hash"] != first["it-a"]["hash"]


def test_a_text_added_elsewhere_does_not_move_what_is_reserved(tmp_path):
    """Groups are taken in the order of their own hash: what was validation stays validation as a source grows."""
    reserved = []
    for name, number in (("small", 200), ("grown", 220)):
        (tmp_path / name).mkdir()
        found, _ = joined(tmp_path / name, {"a": rows(number)})
        reserved.append({d.text for _, d, decision in found if decision == VALIDATION})
    assert len(reserved[0] & reserved[1]) >= 15


def test_the_same_sources_give_the_same_bytes(tmp_path):
    paths = sources(tmp_path, {"a": rows(100), "b": rows(100, "it")})
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        join(paths, SHARE, tmp_path / name)
    assert folder_digest(tmp_path / "one") == folder_digest(tmp_path / "two")


def test_the_table_for_people_adds_up(tmp_path):
    _, folder = joined(tmp_path, {"a": [*rows(100), *rows(10)], "b": rows(50, "it")})
    for row in table(read_ledgers(folder)):
        assert row["came"].documents == row["train"].documents + row["validation"].documents + sum(
            row["dropped"].values()
        )


def test_hashes_that_differ_in_one_bit_are_different_texts():
    """The keys are raw bytes; a comparison that stops at a zero byte would call different texts duplicates."""
    keys = np.zeros(4, KEY)
    hashes = [bytes(16), bytes(15) + b"\x01", b"\x00\x01" + bytes(14), bytes(16)]
    keys["hash"] = np.frombuffer(b"".join(hashes), "V16")
    pool = Pool({}, {}, np.array([0]), keys, np.zeros(4, np.uint8))
    drop_exact(pool)
    assert pool.decisions.tolist() == [TRAIN, TRAIN, TRAIN, DUPLICATE]
