"""llama.cpp itself runs the files: same ids, same logits, same greedy text; and its quantiser makes what ours makes."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from pytest import fixture, mark, raises, skip

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.load import Loaded
from calame.release.gguf import runtime, write
from calame.release.gguf.export import export_gguf
from calame.release.gguf.gate import render
from calame.release.gguf.names import to_gguf
from calame.release.gguf.read import GgufFile
from calame.release.gguf.types import FILE_TYPES, decode
from calame.release.gguf.vocabulary import vocabulary_of
from calame.release.place import GateFailed

FAMILIES = ("llama", "qwen3", "gpt2")
KINDS = ("byte-bpe", "sentencepiece-bpe")


@fixture(autouse=True)
def llama_cpp() -> Any:
    if not runtime.available():
        skip("needs llama-cpp-python")
    return importlib.import_module(runtime.PACKAGE)


def model_of(family: str = "llama", kind: str = "byte-bpe", chat: str = "chatml", **changes: Any) -> Loaded:
    sizes = {"hidden_size": 64, "head_dim": 16, "intermediate_size": 75, "rope_theta": 5e4}
    sizes |= {"max_position_embeddings": 128}
    sizes |= {"num_key_value_heads": 4} if family == "gpt2" else {}
    model = decoder_of(3, 0.1, family=family, vocab_size=340, **{**sizes, **changes})
    return loaded_of(model, tokenizer_of(kind, 340, chat))


@mark.parametrize("kind", KINDS)
@mark.parametrize("family", FAMILIES)
def test_it_runs_every_family_with_every_tokenizer(family: str, kind: str, tmp_path: Path) -> None:
    made = export_gguf(model_of(family, kind), tmp_path / "out", "petit", ["f16", "q8_0", "q4_k_m"])
    full, *quantised = (one.checked["llama_cpp"] for one in made)
    assert full["logit_difference"] <= 1e-2 and full["greedy_texts"] == 7
    assert full["greedy_same"] >= 6  # random weights may find two tokens as good as equal
    assert all(found["divergence"] <= 0.05 for found in quantised)


@mark.parametrize("kind", KINDS)
@mark.parametrize("chat", ("chatml", "klovis", "own"))
def test_it_cuts_and_ends_conversations_of_every_format(kind: str, chat: str, tmp_path: Path) -> None:
    loaded = model_of(kind=kind, chat=chat, tie_word_embeddings=False)
    export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    program = runtime.LlamaCpp(tmp_path / "out/calame/petit/petit-F16.gguf", 64)
    ours = loaded.tokenizer
    for text in ("l'été où ça", "12 345\n\n  fin ", f"{ours.chat_format.end} est écrit", "日本語 ☃ \u00a0«»", "</s>"):
        assert program.ids(text) == ours.prompt(text)
    messages = [{"role": "user", "content": " l'été ?\n"}, {"role": "assistant", "content": "la mer"}]
    template = program.model.metadata["tokenizer.chat_template"]
    assert program.ids(render(template, messages), special=True) == ours.chat(messages)
    assert {token for token in range(340) if program.ends(token)} == set(ours.special.stops)
    program.close()


@mark.parametrize("scaling", ("linear", "yarn"))
def test_stretched_positions_are_stretched_there_too(scaling: str, tmp_path: Path) -> None:
    stretch = {"rope_scaling": scaling, "rope_factor": 4.0, "max_position_embeddings": 256}
    stretch |= {"rope_original": 64} if scaling == "yarn" else {}
    for family in ("llama", "qwen3"):
        export_gguf(model_of(family, **stretch), tmp_path / family, "petit", ["f16"])


def test_what_only_llama_cpp_can_see_does_not_pass(tmp_path: Path, monkeypatch: Any) -> None:
    """Queries in the order that reading back takes for right, and llama.cpp does not."""
    from calame.release.gguf import names

    def as_they_are(name: str, tensor: torch.Tensor, config: Any, to: bool) -> torch.Tensor:
        return tensor

    monkeypatch.setattr(names, "_dealt", as_they_are)
    with raises(GateFailed, match=r"llama.cpp's logits differ by"):
        export_gguf(model_of(), tmp_path / "out", "petit", ["f16"])
    with raises(GateFailed, match=r"llama.cpp expects other tokens"):
        export_gguf(model_of(), tmp_path / "out", "petit", ["q8_0"])
    assert not list(tmp_path.iterdir())


@mark.parametrize("family", ("llama", "gpt2"))
@mark.parametrize("kind", ("q8_0", "q4_k_m"))
def test_its_own_quantiser_deals_out_the_same_types_and_rounds_no_less(
    llama_cpp: Any, family: str, kind: str, tmp_path: Path
) -> None:
    heads = {"num_key_value_heads": 4} if family == "gpt2" else {}
    loaded = model_of(
        family, hidden_size=256, head_dim=64, intermediate_size=512, num_hidden_layers=6, rope_theta=1e4, **heads
    )
    vocabulary = vocabulary_of(loaded.tokenizer, 340)
    for name in ("f16", kind):
        write.write_file(tmp_path / f"{name}.gguf", "a", loaded, vocabulary, FILE_TYPES[name])
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = int(FILE_TYPES[kind].code)
    theirs = tmp_path / "theirs.gguf"
    given = (str(tmp_path / "f16.gguf").encode(), str(theirs).encode())
    assert llama_cpp.llama_model_quantize(*given, llama_cpp.ctypes.byref(parameters)) == 0
    found, made = ({t.name: t for t in GGUFReader(path).tensors} for path in (theirs, tmp_path / f"{kind}.gguf"))
    assert {n: t.tensor_type for n, t in found.items()} == {n: t.tensor_type for n, t in made.items()}
    exact = to_gguf(loaded.model.state_dict(), loaded.model.config)
    for name, tensor in found.items():
        ours, other = (decode(t.data, t.tensor_type) for t in (made[name], tensor))
        errors = [(part - exact[name]).square().mean().item() for part in (ours, other)]
        assert errors[0] <= 1.01 * errors[1] + 1e-12, (name, tensor.tensor_type)
        same = np.mean(np.asarray(tensor.data) == np.asarray(made[name].data))
        assert same > 0.95, f"{name}: {same:.1%} of the bytes"  # it began from f16


def test_the_chat_of_llama_cpp_python_ends_by_itself(llama_cpp: Any, tmp_path: Path) -> None:
    """With nothing but the file: its template, its beginning, its ends."""
    loaded = model_of()
    export_gguf(loaded, tmp_path / "out", "petit", ["f16"])
    model = llama_cpp.Llama(str(tmp_path / "out/calame/petit/petit-F16.gguf"), n_ctx=128, verbose=False)
    said = model.create_chat_completion([{"role": "user", "content": "l'été ?"}], temperature=0, max_tokens=40)
    file = GgufFile(tmp_path / "out/calame/petit/petit-F16.gguf")
    prompt = loaded.tokenizer.chat([{"role": "user", "content": "l'été ?"}])
    assert said["usage"]["prompt_tokens"] == len(prompt)
    same = replace(loaded, model=file.model())
    from calame.inference.generate import Sampling, complete

    ours = complete(same, [prompt], Sampling(limit=40))[0]
    assert said["choices"][0]["finish_reason"] == ("stop" if ours.stopped else "length")
    assert said["choices"][0]["message"]["content"].startswith(ours.text.split("\ufffd")[0])
    model.close()
