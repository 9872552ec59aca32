"""A file of JSON lines that survives kills."""

import errno
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.recipe.errors import UserError
from calame.run.journal import Journal
from support import environment


def test_what_is_added_is_there_again_and_found_by_its_place(tmp_path):
    with Journal(tmp_path / "a/j.jsonl") as journal:
        places = [journal.add({"n": n, "text": "é\n" * n}) for n in range(5)]
        assert [row["n"] for row in journal.rows()] == list(range(5))
        assert [journal.at(place)["n"] for place in places] == list(range(5))
    with Journal(tmp_path / "a/j.jsonl") as journal:
        assert dict(journal.places()) == {place: {"n": n, "text": "é\n" * n} for n, place in enumerate(places)}


@given(st.data())
def test_a_file_that_was_cut_anywhere_loses_only_its_last_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    with Journal(path) as journal:
        ends = [journal.add({"n": n, "text": "x" * data.draw(st.integers(0, 50))}) for n in range(4)]
    whole = path.read_bytes()
    ends = [*ends, len(whole)]
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = sum(end <= cut for end in ends[1:])
    with Journal(path) as journal:
        assert [row["n"] for row in journal.rows()] == list(range(kept))
        journal.add({"n": 99})
        assert [row["n"] for row in journal.rows()] == [*range(kept), 99]
        assert journal.damaged == 0


def test_a_damaged_line_within_is_passed_over_and_counted(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n": 0}\n\0\0\0\0\n[1]\n{"n": 1}\n')
    with Journal(path) as journal:
        assert [row["n"] for row in journal.rows()] == [0, 1]
        assert journal.damaged == 2


def test_threads_may_share_one(tmp_path):
    with Journal(tmp_path / "j.jsonl") as journal:
        threads = [threading.Thread(target=lambda n=n: [journal.add({"n": n}) for _ in range(20)]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(row["n"] for row in journal.rows()) == sorted([0, 1, 2, 3] * 20)


def test_two_processes_may_not(tmp_path):
    code = f"from pathlib import Path\nfrom calame.run.journal import Journal\nJournal(Path({str(tmp_path / 'j')!r}))"
    with Journal(tmp_path / "j"), pytest.raises(UserError, match="another process"):
        Journal(tmp_path / "j")
    with Journal(tmp_path / "j"):
        done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
        assert "another process is writing it" in done.stderr


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path / "j") as journal:
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(UserError, match="disk is full"):
            journal.add({"n": 1})
