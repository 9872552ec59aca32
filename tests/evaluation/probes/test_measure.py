"""Probes of whole models: files, groups, what the model says instead, and what is in no number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from pytest import approx, mark, raises

from builders import decoder_of, loaded_of, tokenizer_of
from calame.evaluation.measurement import CannotMeasure
from calame.evaluation.probes.encode import Encoded, encode_probes
from calame.evaluation.probes.measure import GENERATIONS, measure_probes, probe_all, summarise, summary_name
from calame.evaluation.probes.page import lines, page, words
from calame.evaluation.probes.read import Probe
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.evaluation import Probes
from calame.run.files import read_json

PROBES = [
    Probe("Le soleil et la", "lune", "fr", "factual", "sky"),
    Probe("Le petit enfant", "chante dans la forêt", "fr", "procedural", "song"),
    Probe("Il sole e la", "luna", "it", "factual", "sky"),
    Probe("Le soleil", "", "fr", "factual", "sky"),
    Probe("la mer" + " la mer" * 40, "bleue", "fr", "factual", "sky"),
]


@mark.parametrize("said", (0, 6))
def test_every_probe_is_there_in_order_with_a_score_or_a_reason(said: int) -> None:
    loaded = loaded_of(decoder_of(2))
    probed = probe_all(loaded, PROBES, top=3, said=said)
    assert [one.probe for one in probed] == PROBES
    assert [one.score is None for one in probed] == [False, False, False, True, True]
    assert probed[3].reason == "the target is empty" and "context" in probed[4].reason
    encoded = [part for part in encode_probes(PROBES, loaded.tokenizer, 330, 64) if isinstance(part, Encoded)]
    texts = [found.text for found in complete(loaded, [part.context for part in encoded], Sampling(limit=said or 1))]
    assert [one.said for one in probed[:3]] == (texts if said else ["", "", ""])
    assert all(one.score and len(one.score.top) == 3 for one in probed[:3])


def test_figures_are_those_of_the_scored_probes_of_each_group() -> None:
    probed = probe_all(loaded_of(decoder_of(2)), PROBES)
    found = summarise(probed)
    scores = [one.score for one in probed if one.score]
    assert found["all"]["probes"] == 5 and found["all"]["scored"] == 3
    assert found["all"]["probability"]["value"] == approx(fmean(s.probability for s in scores), abs=1e-6)
    assert found["all"]["reciprocal_rank"]["value"] == approx(fmean(1 / s.rank for s in scores), abs=1e-6)
    geometric = math.exp(fmean(math.log(s.perplexity) for s in scores))
    assert found["all"]["perplexity"]["value"] == approx(geometric, rel=1e-4)
    assert found["cells"]["it/factual"]["scored"] == 1 and found["cells"]["it/procedural"] == {"probes": 0, "scored": 0}
    assert found["cells"]["it/factual"]["perplexity"]["value"] == approx(scores[2].perplexity, rel=1e-4)
    assert [out["reason"] for out in found["not_scored"]] == [probed[3].reason, probed[4].reason]


def of_file(folder: Path, **groups: list[list[str]]) -> Probes:
    path = folder / "probes.yaml"
    path.write_text(json.dumps({"fr": {kind: {"mine": {"pairs": pairs}} for kind, pairs in groups.items()}}))
    return Probes.model_validate({"from": str(path), "top": 2, "said": 4})


def test_probes_of_other_languages_are_counted_and_said(tmp_path: Path, capsys: Any) -> None:
    keys = of_file(tmp_path, factual=[["Le soleil et la", "lune"], ["Le soleil", "luit"]])
    with raises(CannotMeasure, match=r"no probes in it, en: .*probes.yaml has 2 in fr"):
        measure_probes(loaded_of(decoder_of()), keys, ["it", "en"], tmp_path)
    both = json.loads((tmp_path / "probes.yaml").read_text())
    (tmp_path / "probes.yaml").write_text(
        json.dumps({**both, "it": {"factual": {"mine": {"pairs": [["Il", "sole"]]}}}})
    )
    result = measure_probes(loaded_of(decoder_of()), keys, ["it"], tmp_path)
    assert result["left_out"] == {"fr": 2} and result["all"]["probes"] == 1
    assert "left out, in languages that are not the recipe's: 2 in fr" in capsys.readouterr().out


def test_files_say_what_was_found_and_what_it_was_found_with(tmp_path: Path) -> None:
    keys = of_file(tmp_path, factual=[["Le soleil et la", "lune"], ["Le soleil", " "]], other=[["", "mer"]])
    result = measure_probes(loaded_of(decoder_of()), keys, ["fr", "it"], tmp_path)
    assert read_json(tmp_path / summary_name("a test")) == json.loads(json.dumps(result))
    assert result["recipe"] == {"checkpoint": "a test", "probes": "probes.yaml", "probes_each": None, "bos": True}
    assert result["without_probes"] == ["it"] and result["left_out"] == {}
    rows = [json.loads(line) for line in (tmp_path / GENERATIONS).read_text(encoding="utf-8").splitlines()]
    assert [("rank" in row, "reason" in row) for row in rows] == [(True, False), (False, True), (True, False)]
    assert [len(row["top"]) for row in rows if "top" in row] == [2, 2] and rows[0]["said"]
    shown = page({"m": result}) + "\n".join(lines({"m": result}))
    assert "the target is empty" in shown and "fr/factual" in shown
    assert words({"m": result})[0].startswith("Of 1 factual beginnings")


@mark.parametrize(
    ("checkpoint", "name"),
    (("step-00000500", "probe_step500_summary.json"), ("gpt2", "probe_summary.json")),
)
def test_the_summary_is_named_after_the_step(checkpoint: str, name: str) -> None:
    assert summary_name(checkpoint) == name


def test_a_model_that_gives_no_finite_number_has_no_score() -> None:
    model = decoder_of()
    with torch.no_grad():
        model.head.fill_(float("nan"))
    probed = probe_all(loaded_of(model), PROBES[:2])
    assert [one.score for one in probed] == [None, None] and "no finite number" in probed[0].reason
    assert summarise(probed)["all"] == {"probes": 2, "scored": 0} and page({"m": {**summarise(probed), **_recipe()}})


def _recipe() -> dict:
    return {"recipe": {"checkpoint": "x"}}


def test_without_any_probe_it_cannot_be_measured(tmp_path: Path) -> None:
    with raises(CannotMeasure, match="no probes in de"):
        measure_probes(loaded_of(decoder_of()), Probes(), ["de"], tmp_path)


def test_a_model_that_learnt_the_answer_finds_it_first() -> None:
    """Trained on one sentence for a few steps: its probe goes from anywhere to rank 1."""
    probe, loaded = PROBES[0], loaded_of(decoder_of(1))
    before = probe_all(loaded, [probe])[0].score
    _learn(loaded, probe.whole)
    after = probe_all(loaded, [probe])[0].score
    assert before and after and after.rank == 1 < before.rank and after.perplexity < before.perplexity


def _learn(loaded: Loaded, text: str) -> None:
    ids = torch.tensor([[2, *tokenizer_of().encode(text)]])
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=1e-2)
    for _ in range(30):
        logits = loaded.model.logits(loaded.model(ids[:, :-1]))
        torch.nn.functional.cross_entropy(logits[0], ids[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
