"""The verbs: a classifier from labelled files, and the page that shows what each threshold keeps."""

import argparse
import json
import re

import pytest

from calame.cli import main
from calame.corpus.quality.verbs import add_quality_verbs
from calame.recipe.errors import UserError
from corpus.quality.planted import planted
from support import write_lines


def call(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    add_quality_verbs(parser.add_subparsers())
    options = parser.parse_args(["quality", *arguments])
    options.call(options)


def test_a_classifier_is_trained_and_its_page_shows_the_border(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "labels.jsonl", planted(300, 2))
    call("train", "labels.jsonl", "--kind", "linear", "--to", "judge", "--features", "words")
    assert re.search(r"AUC 0\.9\d\d \[|AUC 1\.000 \[", capsys.readouterr().out)
    write_lines(tmp_path / "web.jsonl", [*planted(100, 2, seed=3), {"text": "sans langue"}, {"text": None}])
    call("report", "web.jsonl", "--scorer", "judge")
    said, page = capsys.readouterr().out, (tmp_path / "quality.html").read_text(encoding="utf-8")
    assert "2 rows have no text or no language and are left out" in said and "web.jsonl / fr" in said
    borders = re.split(r"<h4>([\d.]+) ", page)[1:]
    assert len(borders) == 2 * 3
    for threshold, texts in zip(borders[::2], borders[1::2], strict=True):
        shown = re.findall(r'class="(\w+)"><b>([\d.]+)', texts)
        assert [side for side, _ in shown] == ["above"] * 3 + ["below"] * 3
        assert all((float(score) >= float(threshold)) == (side == "above") for side, score in shown)
    assert "src=" not in page and "href=" not in page  # it needs nothing beside itself


def test_texts_are_shown_as_they_are_and_not_as_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "web.jsonl", [{"text": f"<script>{n}</script> & le chat", "lang": "fr"} for n in range(9)])
    call("report", "web.jsonl", "--to", "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page and "&amp; le chat" in page


def test_the_page_of_a_run_takes_its_scores_and_thresholds(toy, capsys):
    assert main(["run", toy.recipe(corpus__quality={"keep": {"fr": 0.5}}), "--to", "corpus"]) == 0
    call("report", "toy")
    page = (toy.folder / "quality.html").read_text(encoding="utf-8")
    assert "contes / fr" in page and "fiabe / it" in page and "as decided" in page
    assert main(["run", toy.recipe(), "--to", "corpus"]) == 0
    with pytest.raises(UserError, match="none of its sources has scores"):
        call("report", "toy")


@pytest.mark.parametrize("rows", [[], [{"text": "sans langue"}]])
def test_files_without_anything_to_score_are_refused(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="no row has a text and a language"):
        call("report", "web.jsonl")
