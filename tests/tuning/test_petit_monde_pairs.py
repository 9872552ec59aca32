"""The built-in preferences at a size that takes a minute: from ln 2 to at least 0.9 of the pairs held out.

So little text teaches how an answer looks and not what is true, so that the pairs are those of form: an answer in
another language, and one that does not stop. All kinds, on a model that knows its world: calame dpo petit-monde-dpo
(docs/LOG.md)."""

from __future__ import annotations

import math
from pathlib import Path

import yaml
from pytest import MonkeyPatch, approx, mark

from calame.cli import main
from calame.run import telemetry

RECIPE = {
    "name": "small",
    "extends": "petit-monde-dpo",
    "languages": ["fr"],
    "corpus": {"sources": {"monde": {"size": "100kB"}}, "validation": {"share": "5%"}},
    "tokenizer": {"vocabulary": 800},
    "model": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 192},
    "pretrain": {"tokens": "160k", "mixture": {"epochs": 40}},
    "sft": {"conversations": {"monde": {"size": "100kB"}}, "epochs": 0.4},
    "dpo": {"pairs": {"monde": {"size": "100kB", "include": {"kind": ["endless", "language"]}}}, "epochs": 3},
    "execution": {"device": "cpu", "threads": 1, "validate_every": "200k", "save_every": "200k"},
}


@mark.slow
def test_how_an_answer_looks_is_preferred_on_prompts_never_seen(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(yaml.safe_dump(RECIPE))
    assert main(["dpo", "small.yaml"]) == 0
    lines = telemetry.read(Path("runs/small/dpo/chat"))
    assert next(line["train/loss"] for line in lines if line["step"] == 1) == approx(math.log(2), abs=1e-6)
    held_out = [line for line in lines if "held_out/accuracy" in line]
    assert held_out[-1]["held_out/accuracy"] >= 0.9
    assert held_out[-1]["held_out/margin"] > 0.1 and held_out[-1]["held_out/kl"] < 0.2
