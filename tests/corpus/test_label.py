"""Labels from a language model: read tolerantly, kept, gone on with."""

import json
import re

import pytest

from calame.corpus.label import label, parse_label
from calame.recipe.errors import UserError
from calame.run.endpoint import Model
from calame.run.http import Patience
from support import texts, write_lines
from web import Reply, completion, models, web

QUICK = Patience(attempts=2, first=0.01)


def document_of(asked) -> str:
    return re.search(r"={5,}\n(.*)\n={5,}", asked.json["messages"][0]["content"], re.DOTALL)[1]


def judge(asked):
    """A model that likes long texts."""
    if asked.path.endswith("/models"):
        return models("m")
    length = len(document_of(asked))
    verdict = "high" if length > 400 else "medium" if length > 200 else "low"
    return completion(json.dumps({"label": verdict, "reason": f"{length} characters"}))


@pytest.fixture
def rows(tmp_path):
    lengths = [50, 250, 500] * 8
    found = [
        {"text": (text * 20)[:length].strip(), "lang": ("fr", "it", "en")[n % 3 - n // 12]}
        for n, (text, length) in enumerate(zip(texts(5, 24), lengths, strict=True))
    ]
    write_lines(tmp_path / "corpus.jsonl", found)
    return found


def run(site, folder, **options):
    return label(
        str(folder / "corpus.jsonl"), folder / "labels.jsonl", Model(f"{site.url}/v1", "m"), patience=QUICK, **options
    )


def read(folder):
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text().splitlines()]


def test_every_document_has_its_label_in_the_order_of_reading(tmp_path, rows):
    with web(judge) as site:
        result = run(site, tmp_path)
    found = read(tmp_path)
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert [row["language"] for row in found] == [row["lang"] for row in rows]
    assert all(
        row["label"] == ("high" if len(row["text"]) > 400 else "medium" if len(row["text"]) > 200 else "low")
        for row in found
    )
    assert set(found[0]) == {"id", "hash", "language", "label", "reason", "text"}
    assert result.labels == {"low": 8, "medium": 8, "high": 8} and not result.without
    prompts = [asked.json["messages"][0]["content"] for asked in site.asked if asked.body]
    assert {prompt[:10] for prompt in prompts} == {"Tu juges s", "Giudichi s", "You judge "}, "each in its language"
    assert all("exactitude" in p or "esattezza" in p or "accuracy" in p for p in prompts)


def test_stopped_anywhere_the_same_command_asks_only_what_is_missing_and_writes_the_same(tmp_path, rows):
    with web(judge) as site:
        run(site, tmp_path)
        whole = (tmp_path / "labels.jsonl").read_bytes()
        url = site.url
        (tmp_path / "labels.jsonl").unlink()
        cache = tmp_path / ".labels.jsonl.answers.jsonl"
        lines = cache.read_bytes().splitlines(keepends=True)
        cache.write_bytes(b"".join(lines[:10]) + lines[10][:20])
        before = len(site.asked)
        run(site, tmp_path)
        assert len(site.asked) - before == 1 + 14 and site.url == url
    assert (tmp_path / "labels.jsonl").read_bytes() == whole


def test_a_budget_that_ends_writes_no_half_file_and_is_gone_on_with(tmp_path, rows):
    with web(judge) as site:
        model = Model(f"{site.url}/v1", "m", most_requests=10)
        arguments = (str(tmp_path / "corpus.jsonl"), tmp_path / "labels.jsonl", model)
        for _ in range(2):
            with pytest.raises(UserError, match="as many as were allowed"):
                label(*arguments, patience=QUICK)
            assert not (tmp_path / "labels.jsonl").exists()
        label(*arguments, patience=QUICK)
    assert len(read(tmp_path)) == 24


def test_what_could_not_be_read_is_counted_and_left_out(tmp_path, rows, capsys):
    def half(asked):
        if not asked.body:
            return models("m")
        if document_of(asked) == rows[0]["text"]:
            return completion("high or low, who knows")
        return Reply(b"too long", 400) if document_of(asked) == rows[1]["text"] else judge(asked)

    write_lines(tmp_path / "corpus.jsonl", [*rows, rows[3], {"text": "x", "lang": "de"}, {"text": "", "lang": "fr"}])
    with web(half) as site:
        result = run(site, tmp_path)
    assert len(read(tmp_path)) == 22
    assert result.without == {
        "answered without a label": 1,
        "not answered": 1,
        "seen before": 1,
        "not read (language not in languages)": 1,
        "not read (empty)": 1,
    }
    assert "high or low, who knows" in capsys.readouterr().out


def test_a_limit_takes_evenly_and_a_larger_one_holds_the_smaller(tmp_path, rows):
    with web(judge) as site:
        run(site, tmp_path, limit=5)
        five = read(tmp_path)
        run(site, tmp_path, limit=12)
        twelve = read(tmp_path)
    assert len(five) == 5 and len(twelve) == 12
    assert {row["id"] for row in five} <= {row["id"] for row in twelve}
    order = [row["text"] for row in rows]
    assert [order.index(row["text"]) for row in twelve] == sorted(order.index(row["text"]) for row in twelve)
    assert sum(bool(asked.body) for asked in site.asked) == 12


def test_a_rubric_and_columns_of_ones_own(tmp_path):
    write_lines(tmp_path / "corpus.jsonl", [{"body": "Ein Text."}])
    (tmp_path / "rubric.txt").write_text("Urteile:\n=====\n{text}\n=====")
    keys = ["source.text=body", "source.language=de"]
    with web(judge) as site:
        run(site, tmp_path, rubric=tmp_path / "rubric.txt", source_keys=keys)
        assert site.asked[-1].json["messages"][0]["content"] == "Urteile:\n=====\nEin Text.\n====="
        with pytest.raises(UserError, match="no rubric for de"):
            run(site, tmp_path, source_keys=keys)
        with pytest.raises(UserError, match="has no column 'text'"):
            run(site, tmp_path, source_keys=["source.language=fr"])
        with pytest.raises(UserError, match=r"source\.txet"):
            run(site, tmp_path, source_keys=["source.txet=body"])
        (tmp_path / "rubric.txt").write_text("no place")
        with pytest.raises(UserError, match="nowhere says "):
            run(site, tmp_path, rubric=tmp_path / "rubric.txt")


def test_labels_are_not_written_into_what_is_read(tmp_path, rows):
    with pytest.raises(UserError, match="would be read the next time"):
        label(str(tmp_path), tmp_path / "labels.jsonl", Model("http://localhost:1/v1", "m"))


def test_a_model_that_never_labels_is_named_and_nothing_is_written(tmp_path, rows):
    with (
        web(lambda asked: completion("Hello!") if asked.body else models("m")) as site,
        pytest.raises(UserError, match="nothing could be labelled"),
    ):
        run(site, tmp_path)
    assert not (tmp_path / "labels.jsonl").exists()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"label": "high", "reason": "clear"}', ("high", "clear")),
        ('```json\n{"label": "Low", "reason": "menu",}\n```', ("low", "menu")),
        ('<think>high? low?</think>{"label": "medium"}', ("medium", "")),
        ('{"label": "faible", "reason": "pub"}', ("low", "pub")),
        ('[{"label": "alto"}]', ("high", "")),
        ('{"label": "high", "reason": "cut o', ("high", "")),
        ("Label: HIGH. Well written.", ("high", "Label: HIGH. Well written.")),
        ("high or low", None),
        ('{"label": "excellent"}', None),
        ('{"reason": "high"}', None),
        ("Ce texte est de haute tenue.", None),
        ("highly unclear", None),
        ("", None),
    ],
)
def test_an_answer_is_read_or_not_but_never_guessed(answer, found):
    assert parse_label(answer) == found
