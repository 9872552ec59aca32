"""Files are whole or absent; a full disk is said in plain words; hashes are remembered and never stale."""

import errno
import os
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.recipe.errors import UserError
from calame.run import files
from calame.run.files import Hashes, atomic, digest, explain_full_disk, write_json, zstd_writer

FULL_DISK_ERRORS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors 0.8
    Exception("Disk quota exceeded (os error 122)"),  # tokenizers
    OSError("1000000 requested and 12784 written"),  # numpy: no errno at all
]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with atomic(path, "w") as file:
        file.write("été")
        assert not path.exists()
    assert path.read_bytes() == "été".encode()
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failing_writer_leaves_the_old_file_and_no_temporary(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(error)), atomic(path) as file:
        file.write(b"half of the n")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", FULL_DISK_ERRORS)
def test_a_full_disk_is_the_users_to_mend_and_leaves_nothing_half_written(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UserError, match="the disk is full") as refused, atomic(path) as file:
        file.write(b"half of the n")
        raise error
    assert str(path) in str(refused.value) and "execution.runs" in str(refused.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError(errno.EFBIG, "File too large"), RuntimeError("I/O error: File too large")])
def test_a_file_that_may_not_be_as_large_is_the_users_to_mend(tmp_path, error):
    with pytest.raises(UserError, match="may not become as large") as refused, explain_full_disk(tmp_path / "file"):
        raise error
    assert "ulimit -f" in str(refused.value)


def test_a_disk_that_fills_up_only_when_flushed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(UserError, match="the disk is full"):
        write_json(tmp_path / "value.json", {"a": 1})
    assert names(tmp_path) == []


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path):
    with pytest.raises(PermissionError), explain_full_disk(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=8))
def test_compressed_bytes_do_not_depend_on_how_they_were_written(tmp_path, content, cuts):
    def write(name, parts):
        with zstd_writer(tmp_path / name) as file:
            for part in parts:
                file.write(part)
        return (tmp_path / name).read_bytes()

    edges = [0, *sorted(cuts), len(content)]
    pieces = [content[a:b] for a, b in pairwise(edges)]
    assert write("whole", [content]) == write("pieces", pieces)


def test_a_digest_is_of_the_value_and_not_of_its_order():
    assert digest({"b": [1, 2.5], "a": "é"}) == digest({"a": "é", "b": [1, 2.5]})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})
    assert digest({"a": 1})[:16] == "015abd7f5cc57a2d"  # an address in the store: it must never move


class TestHashes:
    @pytest.fixture
    def old_file(self, tmp_path, monkeypatch):
        """A file that was last written well before now, which is later than one thinks."""
        path = tmp_path / "text.txt"
        path.write_text("aaaa")
        os.utime(path, (1e9, 1e9))
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 60)
        return path

    def test_a_file_is_read_once_and_remembered_between_runs(self, tmp_path, old_file, monkeypatch):
        hashes = Hashes(tmp_path / "memory.json")
        first = hashes.of(old_file)
        hashes.save()
        monkeypatch.setattr(files, "file_digest", lambda path: pytest.fail("read again"))
        assert Hashes(tmp_path / "memory.json").of(old_file) == first

    def test_a_change_is_seen_even_with_the_same_size_and_time(self, tmp_path, old_file):
        hashes = Hashes(tmp_path / "memory.json")
        first = hashes.of(old_file)
        old_file.write_text("bbbb")
        os.utime(old_file, (1e9, 1e9))
        assert hashes.of(old_file) != first

    def test_a_file_written_this_instant_is_not_trusted_to_stay(self, tmp_path):
        """Two writes may share a time stamp: what was just written is read again next time."""
        path = tmp_path / "text.txt"
        hashes = Hashes(tmp_path / "memory.json")
        for text in ("aaaa", "bbbb", "cccc") * 20:
            path.write_text(text)
            assert hashes.of(path) == files.file_digest(path)
