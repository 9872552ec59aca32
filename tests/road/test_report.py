"""report.html: one valid page that needs nothing from elsewhere, and in which text stays text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from calame.cli import main
from calame.evaluation import artefacts, on_the_way
from calame.evaluation.records import read_lines, read_record
from calame.road import report
from calame.run.charts import line_chart

VOID = {"meta", "br", "img", "input", "link", "hr", "line", "rect", "polyline"}  # SVG's are closed in themselves


class Page(HTMLParser):
    """Checks the nesting, and gathers tags, what they refer to, and the text."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attributes)
        self.references += [value or "" for name, value in attributes if name in ("src", "href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes another one"

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def page(finished):
    def write(*overrides) -> tuple[Page, str]:
        assert main(["report", "toy.yaml", *overrides]) == 0
        text = Path("runs/toy/report.html").read_text(encoding="utf-8")
        return Page(text), text

    return write


def test_it_is_complete_and_loads_nothing(page):
    found, text = page()
    assert found.references == [] and not found.tags & {"script", "link", "img", "iframe"}
    assert "http://" not in text and "https://" not in text and "url(" not in text and "@import" not in text
    said = " ".join(found.texts)
    for title in ("What went in", "Tokenizer", "Pretraining", "Tuning", "Losses by slice", "Questions", "What it says"):
        assert title in found.texts, title
    assert "fr-contes" in said and "together" in said and "num_hidden_layers: 2" in said
    assert text.count("<svg") >= 6


def test_text_stays_text(page, finished):
    evil = "<script>alert('été')</script> & \"<b>\""
    evaluation = finished.folder / "runs/toy/evaluation/evaluation.json"
    data = json.loads(evaluation.read_text())
    data["exam"]["tuned"]["chat"] = [{"question": evil, "answer": evil, "value": evil, "right": False}]
    data["samples"]["tuned"] = [{"prompt": evil, "continuation": evil}]
    evaluation.write_text(json.dumps(data))
    found, text = page(f"description='{evil.replace(chr(39), chr(39) * 2)}'")
    assert "script" not in found.tags and "<script" not in text
    assert "".join(found.texts).count(evil) == 6


def test_every_file_of_the_evaluation_is_described_and_as_described(finished):
    folder = finished.folder / "runs/toy/evaluation"
    page = (Path(__file__).parents[2] / "docs/evaluation-artefacts.md").read_text()
    left = {re.sub(r"step\d+", "stepN", path.name) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in left if f"`{name}`" not in page} == {"done.json", "begun.json"}
    read_record(folder / "evaluation.json", artefacts.Evaluation)
    for model in ("pretrained", "tuned"):
        losses = read_record(folder / "losses" / model / "benchmark_source_losses.json", artefacts.SourceLosses)
        assert losses.model == model and losses.step
    assert list(read_lines(folder / "exam/tuned/answers.jsonl", artefacts.ExamAnswer))
    assert read_record(folder / "training/best_validation.json", on_the_way.BestValidation).selected
    assert list(read_lines(folder / "training/eval_metrics.jsonl", on_the_way.Line))
    read_record(finished.folder / "runs/toy/selected.json", artefacts.Selected)


def test_the_page_begins_with_what_it_can_and_cannot_do(page):
    said = page()[0].texts
    assert said.index("What it can and cannot do") < said.index("What went in")
    assert said.index("It cannot") < said.index("What went in")


def test_the_time_of_what_was_measured_on_the_way_stands_beside(page):
    with Path("runs/toy/metrics.jsonl").open("a") as file:
        for attempt in (1, 2):
            line = {"stage": "pretrain", "attempt": attempt, "step": 99, "perf/evaluation_s": 20.0}
            file.write(json.dumps(line) + "\n")
    assert any("20 s of it measuring on the way" in text for text in page()[0].texts)


def test_an_evaluation_of_another_version_is_told_and_not_read(page, monkeypatch):
    monkeypatch.setitem(report.VERSIONS, "evaluation", 0)
    said = page()[0].texts
    assert "Losses by slice" not in said and any("--only evaluation" in text for text in said)


def test_energy_stands_beside_the_time_where_it_was_measured(page):
    assert "the cards drew" not in page()[1]
    with Path("runs/toy/metrics.jsonl").open("a") as file:
        for stage, kwh, more in (("pretrain", 0.25, {}), ("sft/chat", 0.5, {"energy/estimated": True})):
            file.write(json.dumps({"stage": stage, "attempt": 1, "step": 99, "energy/kwh": kwh, **more}) + "\n")
    said = page()[0].texts
    assert "the cards drew" in said and "0.25 kWh" in said and "about 0.75 kWh" in said


def test_what_is_missing_is_left_out(toy):
    toy.recipe()
    assert main(["run", "toy.yaml", "--to", "corpus"]) == 0
    assert main(["report", "toy.yaml"]) == 0
    found = Page(Path("runs/toy/report.html").read_text(encoding="utf-8"))
    assert "What went in" in found.texts and "Pretraining" not in found.texts


def test_charts_stand_single_points_equal_values_and_nothing():
    assert line_chart({"a": []}, "loss") == ""
    for points in ([(0, 1.0)], [(0, 1.0), (10, 1.0)], [(5, 0.0), (5, 0.0)], [(0, -1e9), (1e12, 1e9)]):
        chart = line_chart({"<a&b>": points}, "loss", "<tokens>")
        Page(chart)
        assert "nan" not in chart and "inf" not in chart and "<a&b>" not in chart
