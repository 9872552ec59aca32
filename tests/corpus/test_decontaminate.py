"""Decontamination: every item that stands in a document verbatim is found, whatever white space, case and quotes."""

import json
import os
import random
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calame.corpus.chain import Chain
from calame.corpus.contamination import contamination_report
from calame.corpus.decontaminate import build_index, decontamination_steps
from calame.corpus.document import Document
from calame.corpus.evaluation_items import texts
from calame.corpus.gather import gather
from calame.corpus.read import SourceReader
from calame.corpus.readers.kinds import read_rows
from calame.corpus.step import Drop, Step
from calame.corpus.words import compatible_hashes, run_hashes
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.recipe.texts import Decontamination
from support import texts as toy_texts
from support import write_lines

PLANTED = 200
ITEMS = [
    {
        "id": "q1",
        "lang": "fr",
        "question": "Combien de lanternes le gardien du phare de Trévanec allume-t-il avant que la nuit ne tombe ?",
        "choices": ["sept", "onze", "aucune, car le phare est éteint depuis longtemps"],
        "answer": 1,
    },
    {
        "id": "q2",
        "lang": "it",
        "question": "Chi ha dipinto le barche verdi di Porto Sellano?",
        "choices": ["Ugo", "Ada"],
    },
    {"id": "q3", "lang": "fr", "question": "Et alors ?", "choices": ["oui", "non", "peut-être bien demain"]},
    {"id": "q4", "lang": "fr", "question": "Trop court.", "choices": ["oui"]},
]


def keys(folder: Path, items: list[dict], **more) -> Decontamination:
    write_lines(folder / "items.jsonl", items)
    return Decontamination(files={"quiz": str(folder / "items.jsonl")}, **more)


def step(folder: Path, items: list[dict] = ITEMS, **more) -> Step:
    (only,) = decontamination_steps(keys(folder, items, **more))
    return only


def document(text: str) -> Document:
    return Document(text, "s", "g", "fr")


def changed(text: str, draw: random.Random) -> str:
    """Another white space, case, or quotation marks and apostrophes."""
    ways = [
        str.upper,
        lambda t: t.replace(" ", "\n  "),
        lambda t: t.replace("’", "'").replace("« ", "“").replace(" »", "”"),
        lambda t: "« " + t.replace("'", "’") + " »",
        lambda t: t.replace(" ?", "\u202f?").replace(" ", "\u00a0"),
        str,
    ]
    return draw.choice(ways)(text)


def surrounded(text: str, draw: random.Random) -> str:
    before, after = toy_texts(draw.randrange(1 << 30), 2)
    return f"{before}\n\n{text}\n{after}"


def test_what_is_found(tmp_path):
    found = step(tmp_path)(document("Avant. " + ITEMS[0]["question"].upper() + " Après."))
    assert isinstance(found, Document)
    assert found.metadata["contamination"] == [{"file": "quiz", "item": "q1", "field": "question", "share": 1.0}]
    found = step(tmp_path)(document("q : chi ha dipinto le barche verdi di\nporto sellano"))
    assert isinstance(found, Document)
    assert found.metadata["contamination"][0]["item"] == "q2"
    found = step(tmp_path)(document("Et alors ? a) oui b) non"))
    assert found == document("Et alors ? a) oui b) non")  # other words stand between its texts
    found = step(tmp_path)(document("Et alors ?\noui\nnon\nPeut-être bien demain"))
    assert isinstance(found, Document)
    assert found.metadata["contamination"][0]["field"] == "question+choices"


def test_a_title_is_no_item_unless_it_is_named(tmp_path):
    item = {
        "id": "t",
        "title": "Loi sur la journée des moulins",
        "question": "Quand les moulins sont-ils ouverts à tous ?",
    }
    law = document("Vu la loi sur la Journée des moulins, il est ordonné ceci.")
    write_lines(tmp_path / "quiz.jsonl", [item])
    files = {"quiz": str(tmp_path / "quiz.jsonl")}
    for fields, found in (([], False), (["title"], True)):
        (find,) = decontamination_steps(Decontamination(files=files, action="drop", fields=fields))
        assert isinstance(find(law), Drop) is found


def test_a_part_of_a_text_has_its_share_and_is_kept(tmp_path):
    cut = " ".join(ITEMS[0]["question"].split()[:15])
    found = step(tmp_path, action="drop", least_share=0.9)(document(cut))
    assert isinstance(found, Document)
    assert 0 < found.metadata["contamination"][0]["share"] < 0.9
    verdict = step(tmp_path, action="drop", least_share=0.1)(document(cut))
    assert isinstance(verdict, Drop)
    assert verdict.rule == "contaminated"


def test_items_too_short_are_counted(tmp_path):
    assert build_index(keys(tmp_path, ITEMS)).short == {"quiz": 1}


def test_broken_evaluation_files_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"corpus.decontaminate.fields: .*no item has text in title"):
        step(tmp_path, fields=["title"])
    (tmp_path / "broken.jsonl").write_text('{"question": "a"}\n{"question"\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"corpus.decontaminate.files.x: broken.jsonl:2: broken line"):
        decontamination_steps(Decontamination(files={"x": str(tmp_path / "broken.jsonl")}))
    with pytest.raises(UserError, match="no such file"):
        decontamination_steps(Decontamination(files={"x": str(tmp_path / "absent.jsonl")}))


def test_every_planted_item_is_found_and_nothing_in_clean_text(tmp_path):
    draw = random.Random(4)
    items = [{"id": f"i{n}", "question": text} for n, text in enumerate(toy_texts(77, 2 * PLANTED, 3))]
    items = [{**item, "question": " ".join(item["question"].split()[: 8 + n % 30])} for n, item in enumerate(items)]
    find = step(tmp_path, items[:PLANTED], action="drop")
    dropped = [find(document(surrounded(changed(item["question"], draw), draw))) for item in items[:PLANTED]]
    assert all(isinstance(verdict, Drop) for verdict in dropped)
    assert [verdict.detail.split()[1] for verdict in dropped] == [item["id"] for item in items[:PLANTED]]
    others = [document(surrounded(item["question"], draw)) for item in items[PLANTED:]]
    assert [find(other) for other in others] == others


def test_the_report_of_a_source(tmp_path):
    lines = [{"text": f"{n} " + ITEMS[n % 2]["question"], "lang": "fr"} for n in range(4)] + [
        {"text": "x", "lang": "fr"}
    ]
    write_lines(tmp_path / "web.jsonl", lines)
    reader = SourceReader("web", Source.model_validate({"from": str(tmp_path / "web.jsonl")}), ["fr"], 1)
    for action, dropped in (("report", 0), ("drop", 4)):
        (tmp_path / action).mkdir()
        gather(reader, tmp_path / action, partial(Chain, [step(tmp_path, action=action)]))
        report = contamination_report(tmp_path / action)
        assert report == {"quiz": {"items": 2, "documents": 4, "whole": 4, "dropped": dropped}}


some_words = st.lists(st.sampled_from(["le", "roi", "mer", "été", "œuf"]), max_size=12)


@given(some_words, st.integers(1, 5))
def test_runs_of_words_have_equal_hashes_if_they_are_equal(found, length):
    hashes = run_hashes(compatible_hashes(" ".join(found)), length)
    runs = [tuple(found[at : at + length]) for at in range(len(found) - length + 1)]
    assert len(hashes) == len(runs)
    assert len(np.unique(hashes)) == len(set(runs))
    assert all((hashes[a] == hashes[b]) == (runs[a] == runs[b]) for a in range(len(runs)) for b in range(len(runs)))


@given(st.text())
def test_words_do_not_depend_on_white_space(text):
    assert np.array_equal(compatible_hashes(text), compatible_hashes("  ".join(text.split(" "))))


@pytest.mark.data
@pytest.mark.skipif("CALAME_DATA" not in os.environ, reason="needs CALAME_DATA")
def test_real_evaluation_items_in_real_text():
    """200 items of the evaluation files planted in documents of the corpus: all are found; clean documents that are
    taken for holding one are counted."""
    data, draw = Path(os.environ["CALAME_DATA"]), random.Random(5)
    files = {path.stem: str(path) for path in sorted((data / "evals").glob("*.jsonl")) if path.stem != "xx-langid"}
    index = build_index(Decontamination(files=files))
    clean = []
    for name in ("fr-novels-01", "it-novels", "en-docs", "fr-techdocs-microsoft", "fr-stories"):
        rows = read_rows(data / "corpus" / f"{name}.jsonl.zst")
        clean += [row.values["text"] for row, _ in zip(rows, range(100), strict=False) if row.values]
    taken = sum(bool(index.find(text)) for text in clean)
    items = [
        json.loads(line) for path in files.values() for line in Path(path).read_text(encoding="utf-8").splitlines()
    ]
    least = {str: 6, list: 13, dict: 13}
    held = [
        text
        for item in items
        for key, text in texts(item)
        if key != "title" and len(compatible_hashes(text)) >= least[type(item[key])]
    ]
    found = 0
    for text in draw.sample(held, PLANTED):
        host = draw.choice(clean)
        cut = draw.randrange(len(host))
        parts = index.find(f"{host[:cut]} {changed(text, draw)} {host[cut:]}")
        found += any(index.parts[number].runs == count for number, count in parts.items())
    print(f"  {found} of {PLANTED} found; {taken} of {len(clean)} clean documents hold a run of an item")
    assert found == PLANTED
    assert taken <= len(clean) * 0.01
