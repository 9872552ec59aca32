"""transformers 4.57, installed beside and not instead of ours, reads an export as the model that was trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from pytest import TempPathFactory, fixture, mark, skip

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.generate import Sampling, complete
from calame.release.huggingface import CHATS, PROMPTS, export

OLD = ("transformers>=4.57,<5", "huggingface-hub>=0.34,<1", "tokenizers>=0.22,<0.23")
PROGRAM = """
import json, sys
import torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
given = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(given["folder"], trust_remote_code=False).eval()
tokenizer = AutoTokenizer.from_pretrained(given["folder"], trust_remote_code=False)
with torch.no_grad():
    logits = model(torch.tensor([given["tokens"]])).logits[0]
    asked = tokenizer(given["prompt"], return_tensors="pt")
    said = model.generate(**asked, max_new_tokens=20)[0, asked["input_ids"].shape[1]:]
chats = [tokenizer.apply_chat_template(chat, add_generation_prompt=True) for chat in given["chats"]]
json.dump({
    "version": transformers.__version__, "class": type(model).__name__, "dtype": str(model.dtype),
    "logits": logits.tolist(), "said": said.tolist(), "chats": chats,
    "prompts": [tokenizer(text)["input_ids"] for text in given["prompts"]],
}, sys.stdout)
"""


@fixture(scope="module")
def old(tmp_path_factory: TempPathFactory) -> Path:
    """A folder with that version alone; everything else comes from our environment."""
    folder = tmp_path_factory.mktemp("transformers-4")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), *OLD]
    if subprocess.run(command, capture_output=True).returncode:
        skip("needs a package index with transformers 4.57")
    return folder


@mark.slow
@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
@mark.parametrize("family", ("llama", "qwen3", "gpt2"))
@torch.no_grad()
def test_it_computes_and_cuts_the_same(family: str, kind: str, old: Path, tmp_path: Path) -> None:
    heads = {"num_key_value_heads": 4} if family == "gpt2" else {}
    loaded = loaded_of(decoder_of(3, family=family, rope_theta=5e5, **heads), tokenizer_of(kind))
    export(loaded, tmp_path / "out", "float32")
    tokens = [n * 7 % 330 for n in range(50)]
    asked = {"tokens": tokens, "prompt": "la mer", "prompts": PROMPTS, "chats": CHATS}
    found = ask(old, {"folder": str(tmp_path / "out"), **asked})
    assert found["version"].startswith("4.57.") and found["dtype"] == "torch.float32"
    assert (
        found["class"] == {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM", "gpt2": "GPT2LMHeadModel"}[family]
    )
    ours = loaded.model.logits(loaded.model(torch.tensor([tokens])))[0]
    assert (ours - torch.tensor(found["logits"])).abs().max() <= 1e-4, "rope_theta is 500,000, and not its 10,000"
    assert found["prompts"] == [loaded.tokenizer.prompt(text) for text in PROMPTS]
    assert found["chats"] == [loaded.tokenizer.chat(chat) for chat in CHATS]
    said = complete(loaded, [loaded.tokenizer.prompt("la mer")], Sampling(limit=20))[0]
    assert found["said"][: len(said.ids)] == list(said.ids)
    assert len(found["said"]) == len(said.ids) + said.stopped


def ask(old: Path, given: dict[str, Any]) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(old), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
