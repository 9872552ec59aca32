"""What long work shows where there is no terminal: lines now and then, and one at the end if it went well."""

import logging

import pytest

from calame.run import progress
from calame.run.progress import Bar, say


def test_what_is_said_stands_in_the_log_too(capsys, caplog):
    with caplog.at_level(logging.INFO, "calame"):
        say("brackets [bold] stay, and so does a very long line of " + "words " * 40)
    assert "[bold] stay" in capsys.readouterr().out
    assert "[bold] stay" in caplog.text


def test_lines_come_now_and_then_with_rate_and_time_left(capsys, monkeypatch):
    clock = iter(range(0, 100_000, 10))  # ten seconds pass between two looks at it
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Bar("train", 10_000, "tokens") as bar:
        for _ in range(10):
            bar.advance(1000, "loss 2.5")
    lines = capsys.readouterr().out.splitlines()
    assert 3 <= len(lines) <= 11
    assert "train: 2k of 10k tokens" in lines[0] and "left" in lines[0] and "loss 2.5" in lines[0]
    assert lines[-1].startswith("  train: 10k tokens")


def test_work_of_unknown_length_and_work_that_goes_on(capsys):
    with Bar("corpus", None, "bytes") as bar:
        bar.advance(5)
    with Bar("train", 100, "tokens", done=90) as bar:
        bar.advance(10)
        assert bar.rate() > 0
    said = capsys.readouterr().out
    assert "corpus: 5 B" in said and "train: 100 tokens" in said


def test_work_that_fails_does_not_say_that_it_is_done(capsys):
    with pytest.raises(ValueError, match="no"), Bar("train", 10, "tokens") as bar:
        bar.advance(1)
        raise ValueError("no")
    assert capsys.readouterr().out == ""
