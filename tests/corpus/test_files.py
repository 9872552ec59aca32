"""Files of a location, and their rows: every kind gives the same texts; what is damaged is named, never half read."""

import csv
import gzip
import json
import os
from itertools import pairwise
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.files import anchor_of, check_encoding, find_files, name_in
from calame.corpus.readers.kinds import read_rows
from calame.corpus.readers.text import gathered, split
from calame.recipe.errors import UserError

TEXTS = ["Il était une fois…", "« Où ? » dit-elle.\nIci !", "Dernière ligne"]


def as_lines(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write(path, texts=TEXTS):
    """The texts as a file of the kind that its name says, with a column `text`."""
    rows = [{"text": text} for text in texts]
    if path.name.endswith(".jsonl"):
        path.write_bytes(as_lines(rows))
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(as_lines(rows)))
    elif path.name.endswith(".zst"):
        path.write_bytes(zstandard.ZstdCompressor().compress(as_lines(rows)))
    elif path.name.endswith(".parquet"):
        pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path)
    elif path.name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(texts[0], encoding="utf-8")
    return path


def texts_of(path, **options) -> list[str]:
    return [row.values["text"] for row in read_rows(path, **options) if row.values]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_every_kind_of_table_gives_the_same_texts(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}")
    assert texts_of(path) == TEXTS
    assert len({row.place for row in read_rows(path)}) == 3
    assert all(row.place.startswith(f"a.{kind}:") for row in read_rows(path))


@pytest.mark.parametrize("kind", ["txt", "md", "TXT"])
def test_a_text_file_is_one_text(tmp_path, kind):
    assert texts_of(write(tmp_path / f"a.{kind}")) == TEXTS[:1]


class TestEncodings:
    def test_a_byte_order_mark_and_other_line_ends_are_not_text(self, tmp_path):
        for end in ("\r\n", "\r", "\n"):
            (tmp_path / "a.txt").write_bytes(f"\ufeffune{end}deux".encode())
            assert texts_of(tmp_path / "a.txt") == ["une\ndeux"]
        (tmp_path / "a.csv").write_bytes("\ufefftext\r\nune\r\ndeux\r\n".encode())
        assert texts_of(tmp_path / "a.csv") == ["une", "deux"]
        (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + as_lines([{"text": "une"}]).replace(b"\n", b"\r\n"))
        assert texts_of(tmp_path / "a.jsonl") == ["une"]

    @pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "mac-roman"])
    def test_other_encodings_are_read_as_the_recipe_says(self, tmp_path, encoding):
        (tmp_path / "a.txt").write_bytes("déjà vu".encode(encoding))
        (tmp_path / "a.csv").write_bytes("text\ndéjà vu\n".encode(encoding))
        files = find_files(str(tmp_path), (), "key")
        check_encoding(files, encoding, "key")
        assert [texts_of(path, encoding=encoding) for path in files] == [["déjà vu"], ["déjà vu"]]

    @pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv"])
    def test_what_is_not_utf8_is_named_with_its_byte_position_and_remedy(self, tmp_path, name):
        content = b"a" * 3_000_000 + "é".encode() + b"\xe9t\xe9"
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as refused:
            check_encoding([tmp_path / name], "utf-8", "corpus.sources.a")
        message = str(refused.value)
        assert str(tmp_path / name) in message and "byte 0xE9 at position 3,000,002" in message
        assert "corpus.sources.a.encoding=cp1252" in message

    def test_a_file_that_ends_within_a_character(self, tmp_path):
        (tmp_path / "a.txt").write_bytes("fini é".encode()[:-1])
        with pytest.raises(UserError, match="byte 0xC3 at position 5"):
            check_encoding([tmp_path / "a.txt"], "utf-8", "key")

    def test_many_files_at_fault_are_counted(self, tmp_path):
        for number in range(14):
            (tmp_path / f"{number}.txt").write_bytes(b"\xe9")
        with pytest.raises(UserError, match="and 4 more files") as refused:
            check_encoding(find_files(str(tmp_path), (), "key"), "utf-8", "key")
        assert len(refused.value.problems) == 11

    @pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64"])
    def test_an_encoding_that_does_not_exist(self, encoding):
        with pytest.raises(UserError, match="no encoding is called"):
            check_encoding([], encoding, "key")


class TestBrokenRecords:
    def test_broken_json_lines_are_told_with_their_line_number_and_a_sample(self, tmp_path):
        path = tmp_path / "a.jsonl"
        path.write_bytes(
            b'{"text": "un"}\n{"text": "deu\n\n[1]\n{"text": "\xe9"}\n{"text": "six"}\n' + b'{"n": ' + b"9" * 5000
        )
        rows = list(read_rows(path))
        assert [row.values and row.values["text"] for row in rows] == ["un", None, None, None, "six", None]
        assert [row.place for row in rows if row.fault] == [f"a.jsonl:{n}" for n in (2, 4, 5, 7)]
        assert rows[1].sample == '{"text": "deu' and rows[1].size == 13

    def test_csv_rows_with_too_many_or_too_few_fields(self, tmp_path):
        (tmp_path / "a.csv").write_text('text,lang\n"un, deux",fr\ntrois\nquatre,fr,encore\n"cinq\nsix",fr\n')
        rows = list(read_rows(tmp_path / "a.csv"))
        assert [row.values and row.values["text"] for row in rows] == ["un, deux", None, None, "cinq\nsix"]
        assert [row.place for row in rows if row.fault] == ["a.csv:3", "a.csv:4"]


class TestDamagedFiles:
    @pytest.fixture
    def long(self) -> list[str]:
        return [os.urandom(3000).hex() for _ in range(200)]

    def test_archives_of_several_parts_are_read_to_their_end(self, tmp_path, long):
        for kind, compress in (("zst", zstandard.ZstdCompressor().compress), ("gz", gzip.compress)):
            path = tmp_path / f"a.jsonl.{kind}"
            lines = as_lines({"text": text} for text in long)
            cuts = [0, 100_000, 100_001, 700_000, len(lines)]
            path.write_bytes(b"".join(compress(lines[a:b]) for a, b in pairwise(cuts)))
            assert texts_of(path) == long


class TestPassages:
    @given(st.text(st.sampled_from("ab \n\t\u00a0"), max_size=300), st.integers(1, 40))
    def test_nothing_but_blank_lines_is_lost(self, text, size):
        pieces = list(gathered(split([text]), size))
        assert lines_of("\n".join(pieces)) == lines_of(text)

    @given(st.lists(st.text("ab", min_size=1, max_size=30), min_size=1), st.integers(1, 60))
    def test_a_piece_is_longer_than_asked_only_as_one_paragraph(self, paragraphs, size):
        for piece in gathered(split(["\n\n".join(paragraphs)]), size):
            assert len(piece.replace("\n\n", "")) <= size or piece in paragraphs

    def test_a_cut_file_gives_a_row_and_a_group_for_each_passage(self, tmp_path):
        (tmp_path / "a.txt").write_text("\n\n".join("x" * 5000 for _ in range(3)))
        rows = list(read_rows(tmp_path / "a.txt", cut="passage"))
        assert [row.values["group"] for row in rows] == ["a.txt#0", "a.txt#1", "a.txt#2"]


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


class TestFind:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("b.txt", "a.txt", "sub/c.md", "sub/d.doc", ".hidden.txt", ".git/e.txt", "sub/.cache/f.txt"):
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).write_text("x")
        return tmp_path

    def names(self, location, *exclude):
        return [name_in(str(location), path) for path in find_files(str(location), exclude, "key")]

    def test_a_folder_means_all_that_can_be_read_below_it_but_hidden_files(self, folder):
        assert self.names(folder) == ["a.txt", "b.txt", "sub/c.md"]

    def test_a_file_a_pattern_and_what_is_excluded(self, folder):
        assert self.names(folder / "a.txt") == ["a.txt"]
        assert self.names(folder / ".hidden.txt") == [".hidden.txt"]
        assert self.names(folder / "*.txt") == ["a.txt", "b.txt"]
        assert self.names(folder / "**" / "*.md") == ["sub/c.md"]
        assert self.names(folder / "sub" / "[a-c].md") == ["c.md"]
        assert self.names(folder, "b.*", "*.md") == ["a.txt"]

    def test_relative_locations(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        assert self.names("sub") == ["c.md"]
        assert self.names("*.txt") == ["a.txt", "b.txt"]
        assert self.names("sub/*.md") == ["c.md"]

    def test_folders_whose_names_look_like_patterns(self, tmp_path):
        (tmp_path / "contes [1697]").mkdir()
        (tmp_path / "contes [1697]" / "a.txt").write_text("x")
        assert self.names(tmp_path / "contes [1697]") == ["a.txt"]
        assert self.names(tmp_path / "contes [1697]" / "*.txt") == ["a.txt"]

    @pytest.mark.parametrize(
        ("location", "words"),
        [
            ("nowhere", ["no such file or folder", "recipe's folder"]),
            ("empty", ["no files", ".jsonl", "also as .gz, .zst"]),
            ("other", ["1 files, none of them of a kind that can be read"]),
            ("*.pdf", ["no files"]),
        ],
    )
    def test_nothing_found_says_what_is_read(self, tmp_path, location, words):
        (tmp_path / "empty").mkdir()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "a.doc").write_text("x")
        with pytest.raises(UserError) as refused:
            find_files(str(tmp_path / location), (), "corpus.sources.a.from")
        assert all(word in str(refused.value) for word in ["corpus.sources.a.from", *words])

    def test_everything_excluded_says_so(self, folder):
        with pytest.raises(UserError, match="3 left out by `exclude`"):
            find_files(str(folder), ["?.txt", "*.md"], "key")

    def test_names_do_not_move_with_the_folder_and_tell_files_apart(self, tmp_path):
        for place in ("here", "there"):
            for work in ("candide", "zadig"):
                (tmp_path / place / work).mkdir(parents=True)
                (tmp_path / place / work / "texte.txt").write_text("x")
        assert (
            self.names(tmp_path / "here") == self.names(tmp_path / "there") == ["candide/texte.txt", "zadig/texte.txt"]
        )

    def test_a_name_that_is_not_utf8_can_be_written_down(self, tmp_path):
        try:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9.txt")).write_text("x")
        except OSError:
            pytest.skip("this disk takes no such name")
        (found,) = self.names(tmp_path)
        assert found.encode() == b"\\xe9t\\xe9.txt"

    def test_the_anchor_of_what_is_not_there(self, tmp_path):
        assert anchor_of(str(tmp_path / "no" / "such" / "*.txt")) == tmp_path
