"""The ledger of a run: whole as JSON, and on the report's page, with samples, licences and where the text is from."""

import json
from pathlib import Path

import pytest

from calame.cli import main
from calame.corpus.ledger import SourceLedger
from calame.road.ledger_page import ledger_page, whole_ledger
from calame.run.files import file_digest, read_json
from support import texts, write_lines


@pytest.fixture
def made(toy):
    """A corpus with three kinds of rejects, two licences and documents of two sites."""
    rows = [{"text": text, "lang": "it", "license": "CC0-1.0"} for text in texts(7, 40)]
    rows += [{"text": "", "lang": "it"}] * 5 + [{"text": f"ein Wort {n}", "lang": "de"} for n in range(6)]
    write_lines(toy.folder / "fiabe.jsonl", rows)
    with (toy.folder / "fiabe.jsonl").open("a") as file:
        file.write("{<b>broken</b>\n")
    assert main(["run", toy.recipe(), "--to", "corpus"]) == 0
    assert main(["report", "toy.yaml"]) == 0
    return Path("runs/toy")


def test_the_whole_ledger_adds_up_to_the_byte_and_names_the_files(made):
    whole = read_json(made / "ledger.json")
    assert list(whole) == ["contes", "fiabe"]
    for data in whole.values():
        assert SourceLedger.from_json(data).balances()
    fiabe = whole["fiabe"]
    assert fiabe["came"]["documents"] == 52
    assert fiabe["licenses"] == {"CC0-1.0": 40}
    assert fiabe["provenance"]["files"] == {"fiabe.jsonl": file_digest(Path("fiabe.jsonl"))}
    assert fiabe["provenance"]["bytes"] == Path("fiabe.jsonl").stat().st_size
    assert fiabe["provenance"]["location"] == "fiabe.jsonl", "not where somebody keeps it"
    assert len(whole["contes"]["provenance"]["files"]) == 30


def test_records_without_a_text_count_their_bytes(made):
    dropped = read_json(made / "ledger.json")["fiabe"]["dropped"]
    assert dropped["empty"] == {"documents": 5, "bytes": 5 * len('{"text": "", "lang": "it"}')}
    assert dropped["broken line"] == {"documents": 1, "bytes": len("{<b>broken</b>")}


def test_rules_show_three_of_what_they_dropped(made):
    samples = read_json(made / "ledger.json")["fiabe"]["samples"]
    assert {rule: len(found) for rule, found in samples.items()} == {
        "broken line": 1,
        "empty": 3,
        "language not in languages": 3,
    }
    assert {"place", "reason", "size", "sample"} == set(samples["empty"][0])
    assert samples["broken line"][0]["sample"].startswith("{<b>broken")


def test_the_page_says_where_everything_went(made):
    text = (made / "report.html").read_text(encoding="utf-8")
    for said in (
        "fiabe: where it went",
        "dropped: empty",
        "kept: train/it",
        "CC0-1.0",
        "language not in languages",
        "sha256",
    ):
        assert said in text, said
    assert "{&lt;b&gt;broken" in text and "{<b>" not in text
    assert text.count("<details>") == text.count("</details>") >= 4


def test_origins_are_named_and_long_tables_folded(tmp_path):
    ledger = SourceLedger(origins={f"site-{number}.fr": number for number in range(40)})
    whole = {"a": {**ledger.to_json(origins=20), "provenance": None, "contamination": None}}
    assert len(whole["a"]["origins"]) == 21 and sum(whole["a"]["origins"].values()) == sum(range(40))
    page = ledger_page(json.loads(json.dumps(whole)))
    assert "21 different: from" in page and "site-39.fr" in page and "site-3.fr" not in page


def test_without_a_corpus_there_is_no_ledger(tmp_path):
    assert whole_ledger(tmp_path, ["a"]) == {} and ledger_page({}) == ""
