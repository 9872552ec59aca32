"""The same questions to a release in every program that opens it: python benchmarks/release_answers.py runs/petit-monde

Calame, `transformers` from the Hugging Face folder, llama.cpp (llama-cpp-python) from each GGUF file: each with nothing
but its own folder or file, in a conversation, always the likeliest token. Exit code 1 if an answer of `transformers` or
of the F16 file is another one; quantised weights are another model, and may say something else.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from calame.inference.generate import complete
from calame.inference.load import load_huggingface
from calame.inference.sampling import Sampling
from calame.release.gguf import runtime
from calame.release.gguf.export import read_made
from calame.run.tables import text_table

Ask = Callable[[str], str]
LIMIT = 64  # new tokens
EXACT = ("transformers", "F16")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="its folder, with release/huggingface and release/gguf")
    parser.add_argument("--questions", type=int, default=9)
    options = parser.parse_args()
    ours, asked = calame(options.run / "release/huggingface"), questions(options.run, options.questions)
    answers = [ours(question) for question in asked]
    rows, wrong = [], 0
    for name, ask in programs(options.run):
        found = [ask(question) for question in asked]
        same = sum(a == b for a, b in zip(answers, found, strict=True))
        wrong += name.split()[-1] in EXACT and same < len(asked)
        rows.append([name, f"{same} of {len(asked)}"])
    for question, answer in zip(asked, answers, strict=True):
        print(f"  {question}  ->  {answer}")
    print("\n".join(text_table(["program", "the same answer"], rows)))
    return 1 if wrong else 0


def questions(run: Path, number: int) -> list[str]:
    """Of the run's evaluation, at even distances; without one a few of our own."""
    path = run / "evaluation/exam/tuned/answers.jsonl"
    if not path.is_file():
        return ["Bonjour !", "Qui es-tu ?", "Où est la mer ?", "Chi sei?", "Who are you?"][:number]
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:: max(1, len(lines) // number)][:number]]


def programs(run: Path) -> Iterator[tuple[str, Ask]]:
    yield "transformers", by_transformers(run / "release/huggingface")
    for made in read_made(run / "release/gguf") if runtime.available() else ():
        yield f"llama.cpp {made.type}", by_llama_cpp(run / "release/gguf" / made.path)


def chat(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def calame(folder: Path) -> Ask:
    loaded = load_huggingface(folder, "cpu")
    return lambda question: complete(loaded, [loaded.tokenizer.chat(chat(question))], Sampling(limit=LIMIT))[0].text


def by_transformers(folder: Path) -> Ask:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)

    def ask(question: str) -> str:
        given = tokenizer.apply_chat_template(
            chat(question), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        out = model.generate(**given, max_new_tokens=LIMIT, do_sample=False)
        return tokenizer.decode(out[0, given["input_ids"].shape[1] :], skip_special_tokens=True)

    return ask


def by_llama_cpp(path: Path) -> Ask:
    model: Any = importlib.import_module(runtime.PACKAGE).Llama(str(path), n_ctx=0, verbose=False)

    def ask(question: str) -> str:
        said = model.create_chat_completion(chat(question), temperature=0, max_tokens=LIMIT)
        return said["choices"][0]["message"]["content"]

    return ask


if __name__ == "__main__":
    sys.exit(main())
