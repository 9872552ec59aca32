"""Gathering a source: documents, rejects with samples, and a ledger that adds up to the byte."""

import gzip
import io
import json
import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.gather import gather, read_documents, read_keys
from calame.corpus.ledger import SourceLedger
from calame.corpus.read import SourceReader
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.run.files import read_json
from support import folder_digest, write_lines


def gathered(path, folder, languages=("fr", "it"), **keys):
    source = Source.model_validate({"from": str(path), **keys})
    folder.mkdir(parents=True, exist_ok=True)
    gather(SourceReader("a", source, languages, 1), folder)
    return folder


def rejects_of(folder) -> list[dict]:
    stream = zstandard.ZstdDecompressor().stream_reader((folder / "rejects.jsonl.zst").read_bytes())
    return [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]


row = st.one_of(
    st.fixed_dictionaries({"text": st.text(max_size=30), "lang": st.sampled_from(["fr", "it", "de", "", None])}),
    st.fixed_dictionaries({"text": st.none(), "lang": st.just("fr")}),
    st.just("{broken"),
)


@given(st.lists(row, max_size=30))
def test_what_came_is_what_was_kept_and_dropped(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("gather")
    lines = [r if isinstance(r, str) else json.dumps(r) for r in [{"text": "un", "lang": "fr"}, *rows]]
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    gathered(folder / "a.jsonl", folder / "out")
    ledger = SourceLedger.from_json(read_json(folder / "out/ledger.json"))
    assert ledger.balances()
    assert ledger.came.documents == len(lines)
    found = list(read_documents(folder / "out"))
    assert sum(tally.documents for tally in ledger.kept.values()) == len(found)
    assert sum(tally.bytes for tally in ledger.kept.values()) == sum(len(d.text.encode()) for d in found)
    assert sum(tally.documents for tally in ledger.dropped.values()) == len(rejects_of(folder / "out"))
    keys = read_keys(folder / "out")
    assert [bytes(h) for h in keys["hash"]] == [document.hash for document in found]
    assert keys["bytes"].tolist() == [len(document.text.encode()) for document in found]


def test_documents_come_back_as_they_were_read(tmp_path):
    texts = ["« L’été »\u202f!", "a\u2028b\x0bc", "\u00a0"]
    write_lines(tmp_path / "a.jsonl", [{"text": f"x{text}x", "lang": "it", "license": "CC0"} for text in texts])
    folder = gathered(tmp_path / "a.jsonl", tmp_path / "out")
    found = list(read_documents(folder))
    assert [document.text for document in found] == [f"x{text}x" for text in texts]
    assert all((d.language, d.license, d.source) == ("it", "CC0", "a") for d in found)
    assert read_json(folder / "ledger.json")["licenses"] == {"CC0": 3}


def test_broken_lines_are_counted_and_kept_with_their_number_and_a_sample(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"text": "un"}\n{"text": "deu\n{"text": "trois"}\nquatre\n')
    folder = gathered(tmp_path / "a.jsonl", tmp_path / "out", ["fr"])
    found = rejects_of(folder)
    assert [(reject["place"], reject["sample"].strip()) for reject in found] == [
        ("a.jsonl:2", '{"text": "deu'),
        ("a.jsonl:4", "quatre"),
    ]
    assert read_json(folder / "ledger.json")["dropped"]["broken line"]["documents"] == 2
    assert "2 set aside, broken line (the first: a.jsonl:2" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"{broken\n{again\n", b"", b"\n\n", b'{"text": "  "}\n'])
def test_a_source_of_which_nothing_can_be_used_stops_the_run(tmp_path, content):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(UserError, match=r"corpus\.sources\.a\.from"):
        gathered(tmp_path / "a.jsonl", tmp_path / "out", ["fr"])
    assert not (tmp_path / "out/documents.jsonl.zst").exists()


def test_nothing_is_written_when_a_file_is_not_in_its_encoding(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("bon")
    (tmp_path / "texts/b.txt").write_bytes(b"\xe9t\xe9")
    with pytest.raises(UserError, match=r"b\.txt"):
        gathered(tmp_path / "texts", tmp_path / "out", ["fr"])
    assert list((tmp_path / "out").iterdir()) == []


def test_of_a_damaged_archive_what_could_be_read_is_kept_and_the_rest_is_named(tmp_path, capsys):
    lines = "".join(json.dumps({"text": f"texte {number} {os.urandom(20).hex()}"}) + "\n" for number in range(1000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode())[:-200])
    folder = gathered(tmp_path / "a.jsonl.gz", tmp_path / "out", ["fr"])
    ledger = SourceLedger.from_json(read_json(folder / "ledger.json"))
    assert ledger.balances()
    assert ledger.dropped["damaged file"].documents == 1
    assert 900 < sum(tally.documents for tally in ledger.kept.values()) < 1000
    assert "WARNING a: a.jsonl.gz after a.jsonl.gz:" in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes(tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": f"texte {number}", "lang": "fr"} for number in range(300)])
    first, second = (folder_digest(gathered(tmp_path / "a.jsonl", tmp_path / name)) for name in ("one", "two"))
    assert first == second


def test_a_file_that_vanishes_while_the_source_is_read_stops_the_stage(tmp_path):
    (tmp_path / "texts").mkdir()
    for name in "ab":
        write_lines(tmp_path / "texts" / f"{name}.jsonl", [{"text": f"{name} {n}"} for n in range(3)])
    source = Source.model_validate({"from": str(tmp_path / "texts")})
    reader = SourceReader("a", source, ["fr"], 1)
    held = (tmp_path / "texts/b.jsonl").read_bytes()
    (tmp_path / "texts/b.jsonl").unlink()
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"b\.jsonl.*unreadable file"):
        gather(reader, tmp_path / "out")
    assert not (tmp_path / "out/ledger.json").exists()
    (tmp_path / "texts/b.jsonl").write_bytes(held)
    gather(reader, tmp_path / "out")
    assert len(list(read_documents(tmp_path / "out"))) == 6
