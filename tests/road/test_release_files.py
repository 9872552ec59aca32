"""GGUF files as the road and the verb make them, and what is refused before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, normalizers
from transformers import PreTrainedTokenizerFast

from calame.cli import main
from calame.release.gguf import runtime
from calame.release.gguf.export import read_made
from calame.release.gguf.table import EXPORTED


def refused(capsys: Any, *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 2
    return capsys.readouterr().err


def test_the_road_makes_files_and_a_table_of_what_they_cost(finished: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(runtime, "available", lambda: False)
    asked = ["toy.yaml", "release.gguf=[f16, q8_0]", "release.publisher=moi"]
    assert main(["run", *asked, "--only", "release"]) == 0
    release = Path("runs/toy/release")
    assert [one.path for one in read_made(release / "gguf")] == ["moi/toy/toy-F16.gguf", "moi/toy/toy-Q8_0.gguf"]
    assert (release / "gguf/moi/toy/Modelfile").is_file() and (release / "huggingface/model.safetensors").is_file()
    exported, half, eight = json.loads((release / "gguf/quantisation.json").read_text())["rows"]
    assert exported["type"] == EXPORTED and half["type"] == "F16"
    assert abs(half["perplexity"] / exported["perplexity"] - 1) < 1e-3
    assert eight["perplexity"] != half["perplexity"] and eight["bytes"] < half["bytes"]
    assert main(["report", *asked]) == 0
    assert "GGUF files" in Path("runs/toy/report.html").read_text()


def test_the_verb_writes_one(finished: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(runtime, "available", lambda: False)
    assert main(["export", "toy", "out", "--to", "gguf", "--type", "q4_k_m,f16", "--name", "mien"]) == 0
    assert [one.path for one in read_made(Path("out"))] == ["calame/mien/mien-Q4_K_M.gguf", "calame/mien/mien-F16.gguf"]
    said = refused(capsys, "export", "toy", "other", "--to", "gguf", "--type", "q3_k_s")
    assert "GGUF type: 'q3_k_s'\n  allowed: f16, q8_0, q4_k_m" in said
    assert not Path("other").exists()


def test_a_recipe_that_asks_for_what_cannot_be_is_refused_at_once(toy: Any, capsys: Any) -> None:
    toy.recipe()
    said = refused(capsys, "run", "toy.yaml", "release.gguf=[q3_k_s]", "seed=none")
    assert "release.gguf" in said and "'f16', 'q8_0' or 'q4_k_m'" in said and "seed" in said
    shape = ["model.hidden_size=40", "model.num_attention_heads=4", "model.num_key_value_heads=2"]
    said = refused(capsys, "run", "toy.yaml", "release.gguf=[f16, q4_k_m]", *shape)
    assert "q4_k_m: rows of 40 weights" in said and "a hidden_size that is a multiple of 32" in said
    assert not Path("runs").exists()


def test_a_tokenizer_that_llama_cpp_cannot_run_is_refused_before_the_training(toy: Any, capsys: Any) -> None:
    toy.recipe()
    engine = tokenizers.Tokenizer(models.Unigram([("<s>", 0.0), ("</s>", 0.0), ("a", -1.0)], 0, False))
    engine.normalizer = normalizers.NFKC()  # type: ignore[assignment]
    PreTrainedTokenizerFast(tokenizer_object=engine, bos_token="<s>", eos_token="</s>").save_pretrained("theirs")
    said = refused(capsys, "run", "toy.yaml", "tokenizer.from=theirs", "release.gguf=[f16]")
    assert "tokenizer: cannot be run by llama.cpp: a Unigram model" in said
    assert "leave release.gguf empty" in said
    assert not Path("runs/toy").exists()
