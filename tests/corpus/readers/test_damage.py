"""Bad input: what can be read is kept, what cannot is named and counted, and nothing crashes or is read whole."""

import json
import random
import tracemalloc

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.readers import content, kinds
from calame.corpus.readers.json_lines import LONGEST
from calame.corpus.readers.kinds import read_rows
from formats import ARTICLE, COMPRESS, WIKI, answer, tar_of, warc_of

TEXTS = [f"{number} {random.Random(number).randbytes(400).hex()}" for number in range(400)]
LINES = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()
LAW = "<ARTICLE><META_COMMUN><ID>{0}</ID></META_COMMUN><BLOC_TEXTUEL><CONTENU>{1}</CONTENU></BLOC_TEXTUEL></ARTICLE>"
ARCHIVES = ["jsonl.gz", "jsonl.zst", "jsonl.xz", "jsonl.bz2", "csv.gz", "txt.xz", "xml.bz2", "tar.gz", "warc.gz"]
ARCHIVES.append("arrow")


def write(path):
    """A file of the kind that its name says, with the texts."""
    name, end = path.name, path.suffix if path.suffix in COMPRESS else ""
    if ".jsonl" in name:
        path.write_bytes(COMPRESS[end](LINES))
    elif ".csv" in name:
        path.write_bytes(COMPRESS[end](("text,n\n" + "".join(f"{text},1\n" for text in TEXTS)).encode()))
    elif ".txt" in name:
        path.write_bytes(COMPRESS[end]("\n\n".join(TEXTS).encode()))
    elif ".xml" in name:
        pages = [ARTICLE.format("t", 0, number, "", text) for number, text in enumerate(TEXTS)]
        path.write_bytes(COMPRESS[end](WIKI.format("".join(pages)).encode()))
    elif ".tar" in name:
        path.write_bytes(tar_of([(f"{n}.xml", LAW.format(n, text).encode()) for n, text in enumerate(TEXTS)]))
    elif ".warc" in name:
        pages = [("response", "application/http", "", answer(text.encode(), "text/plain")) for text in TEXTS]
        path.write_bytes(warc_of(*pages))
    elif ".arrow" in name:
        table = pyarrow.table({"text": TEXTS})
        with pyarrow.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, 10)
    else:
        pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), path, row_group_size=50)
    return path


def texts_and_faults(path):
    rows = list(read_rows(path))
    return [row.values["text"].strip() for row in rows if row.values], [row for row in rows if not row.values]


@pytest.mark.parametrize("kind", ARCHIVES)
class TestDamagedFiles:
    def test_whole_ones_have_no_fault(self, tmp_path, kind):
        assert texts_and_faults(write(tmp_path / f"a.{kind}")) == (TEXTS, [])

    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_of_one_that_broke_off_the_beginning_is_kept(self, tmp_path, kind, share):
        path = write(tmp_path / f"a.{kind}")
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])
        texts, faults = texts_and_faults(path)
        # Blocks of bz2 are 900 kB: what is in the last one, which is cut, nobody can read.
        assert len(texts) >= (0 if "bz2" in kind else len(TEXTS) * share * 0.7)
        assert [text for text in texts[:-1] if text not in TEXTS] == []
        assert faults[-1].lost and faults[-1].fault.startswith("damaged file: ") and f"a.{kind}" in faults[-1].place

    def test_of_one_that_is_damaged_within_the_beginning_is_kept(self, tmp_path, kind):
        path = write(tmp_path / f"a.{kind}")
        whole = bytearray(path.read_bytes())
        middle = len(whole) // 2
        whole[middle : middle + 2000] = random.Random(1).randbytes(2000)
        path.write_bytes(whole)
        texts, faults = texts_and_faults(path)
        assert faults, "two thousand bytes are lost, and nobody says so"
        assert len([text for text in texts if text in TEXTS]) >= (0 if "bz2" in kind else len(TEXTS) * 0.3)

    @pytest.mark.parametrize("other", [b"<html>404</html>", b"", b"\0" * 3000])
    def test_other_content_under_its_name_is_a_fault_with_its_name(self, tmp_path, kind, other):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(other)
        texts, faults = texts_and_faults(path)
        assert texts == [] and f"a.{kind}" in faults[-1].place and faults[-1].lost
        assert faults[-1].place == f"a.{kind} from its beginning"

    def test_one_that_is_not_there_any_more(self, tmp_path, kind):
        ((), (fault,)) = texts_and_faults(tmp_path / f"a.{kind}")
        assert fault.fault == "unreadable file: from its beginning: No such file or directory" and fault.lost


class TestDamagedParquet:
    def test_without_its_end_nothing_can_be_read(self, tmp_path):
        path = write(tmp_path / "a.parquet")
        path.write_bytes(path.read_bytes()[:-1000])
        texts, (fault,) = texts_and_faults(path)
        assert texts == [] and fault.lost and fault.place == "a.parquet from its beginning"

    def test_a_damaged_group_of_rows_is_lost_alone(self, tmp_path):
        path = write(tmp_path / "a.parquet")
        group = pyarrow.parquet.ParquetFile(path).metadata.row_group(3).column(0)
        begin = group.dictionary_page_offset or group.data_page_offset
        whole = bytearray(path.read_bytes())
        whole[begin : begin + 30] = b"\xff" * 30
        path.write_bytes(whole)
        texts, (fault,) = texts_and_faults(path)
        assert texts == TEXTS[:150] + TEXTS[200:]
        assert fault.place == "a.parquet:151" and fault.fault.startswith("damaged rows: 151 to 200 cannot be read")


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "CHUNK", 10_000)
    path = write(tmp_path / "a.jsonl")
    rows = read_rows(path)
    first = [next(rows) for _ in range(3)]
    path.open("r+b").truncate(60_000)
    others = list(rows)
    assert [row.values["text"] for row in first] == TEXTS[:3]
    assert others[-1].fault.endswith("it became shorter while it was read") and others[-1].size == len(LINES) - 60_000
    assert 50 < len(others) < 100


class TestJsonLines:
    def read(self, folder, line: bytes):
        (folder / "a.jsonl").write_bytes(b'{"text": "avant"}\n' + line + b'\n{"text": "apres"}\n')
        before, *found, after = read_rows(folder / "a.jsonl")
        assert before.values == {"text": "avant"} and after.values == {"text": "apres"}
        return [(row.values or row.fault.split(":")[0], row.place.removeprefix("a.jsonl:"), row.size) for row in found]

    def test_two_objects_on_one_line_are_both_read(self, tmp_path):
        assert self.read(tmp_path, b'{"text": "a"}{"text": "b"}  {"text": "c"}') == [
            ({"text": "a"}, "2", 0),
            ({"text": "b"}, "2.2", 0),
            ({"text": "c"}, "2.3", 0),
        ]

    def test_what_is_glued_to_an_object_and_is_none_is_named(self, tmp_path):
        assert self.read(tmp_path, b'{"text": "a"}{"text": "b') == [({"text": "a"}, "2", 0), ("broken line", "2.2", 11)]
        assert self.read(tmp_path, b'{"text": "a"}]') == [({"text": "a"}, "2", 0), ("broken line", "2.2", 1)]
        assert self.read(tmp_path, b'[{"text": "a"}]') == [("broken line", "2", 15)]

    def test_nul_bytes(self, tmp_path):
        assert self.read(tmp_path, b'{"text": "a\0b"}') == [({"text": "a\0b"}, "2", 0)]
        assert self.read(tmp_path, b'{"text": "a\\u0000b"}') == [({"text": "a\0b"}, "2", 0)]
        assert self.read(tmp_path, b"\0" * 512) == [("broken line", "2", 512)]
        assert self.read(tmp_path, b'\0{"text": "a"}') == [("broken line", "2", 14)]

    def test_lone_surrogates_come_through_to_where_texts_are_judged(self, tmp_path):
        assert self.read(tmp_path, b'{"text": "\\ud800"}') == [({"text": "\ud800"}, "2", 0)]
        assert self.read(tmp_path, b'{"text": "\xed\xa0\x80"}') == [({"text": "\ud800"}, "2", 0)]

    def test_nesting_without_end(self, tmp_path):
        assert self.read(tmp_path, b"[" * 100_000) == [("broken line", "2", 100_000)]
        assert self.read(tmp_path, b'{"a":' * 100_000)[0][0] == "broken line"

    @given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9), min_size=1), min_size=1, max_size=5))
    def test_glued_objects_are_the_objects(self, tmp_path_factory, objects):
        folder = tmp_path_factory.mktemp("glued")
        (folder / "a.jsonl").write_text("".join(json.dumps(values) for values in objects))
        assert [row.values for row in read_rows(folder / "a.jsonl")] == objects


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.zst", "jsonl.bz2", "csv", "txt", "txt.gz", "html", "warc.gz"])
def test_a_line_of_100_megabytes_is_set_aside_in_bounded_memory(tmp_path, kind):
    path, size = tmp_path / f"a.{kind}", 100_000_000
    whole = b"a" * size
    if "jsonl" in kind:
        whole = b'{"text": "un"}\n{"text": "' + whole + b'"}\n{"text": "deux"}\n'
    elif kind == "csv":
        whole = b'text,n\nun,1\n"' + whole + b'",1\ndeux,2\n'
    elif kind == "warc.gz":
        whole = warc_of(("response", "text/plain", "http://a", whole))
    path.write_bytes(COMPRESS[path.suffix](whole) if path.suffix in (".zst", ".bz2") or kind == "txt.gz" else whole)
    del whole
    tracemalloc.start()
    rows = list(read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    faults = [row for row in rows if not row.values]
    assert len(faults) >= 1 and not faults[0].lost and faults[0].size >= LONGEST
    assert "too long" in faults[0].fault or "larger than field limit" in faults[0].fault
    assert sum(row.size for row in faults) >= size
    if "jsonl" in kind:
        assert [row.values["text"] for row in rows if row.values] == ["un", "deux"]
    print(f"{kind}: peak {peak / 1e6:.0f} MB")
    assert peak < 6 * LONGEST


def test_a_quote_that_is_never_closed_ends_with_the_file(tmp_path):
    (tmp_path / "a.csv").write_text('text,n\nun,1\n"deux,2\ntrois,3\n')
    rows = list(read_rows(tmp_path / "a.csv"))
    assert rows[0].values == {"text": "un", "n": "1"}
    assert rows[1].fault.startswith("broken line") and rows[1].size == 16


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_an_empty_file_of_any_kind_does_no_harm(tmp_path, kind):
    (tmp_path / f"a{kind}").write_bytes(b"")
    assert all(row.values is None or row.values["text"] == "" for row in read_rows(tmp_path / f"a{kind}"))


@given(st.binary(max_size=200), st.sampled_from(kinds.KINDS))
def test_no_content_of_any_kind_crashes(tmp_path_factory, whole, kind):
    path = tmp_path_factory.mktemp("any") / f"a{kind}"
    end = path.suffix if path.suffix in COMPRESS else ""
    for bytes_ in (whole, COMPRESS[end](whole)):
        path.write_bytes(bytes_)
        list(read_rows(path))
