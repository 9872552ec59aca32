"""How it is used: commands for each runtime, decoding, what it is for, what it is not, and its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from shlex import quote
from typing import Any

from calame.release.card.say import Say, Written, bullets, one_line, paragraphs, section, table

GREETING = {"fr": "Bonjour !", "it": "Buongiorno!", "en": "Hello!"}
BEGINNING = {"fr": "Il était une fois", "it": "C’era una volta", "en": "Once upon a time"}
CHAT = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{place}")
model = AutoModelForCausalLM.from_pretrained("{place}")
messages = [{{"role": "user", "content": {prompt}}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
answer = model.generate(**inputs)[0, inputs["input_ids"].shape[1] :]
print(tokenizer.decode(answer, skip_special_tokens=True))
```"""
BASE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{place}")
model = AutoModelForCausalLM.from_pretrained("{place}")
inputs = tokenizer({prompt}, return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs)[0], skip_special_tokens=True))
```"""


def start(say: Say) -> str | None:
    """A block a runtime, for those whose files are there."""
    if not say.has("gate.tuned"):
        return None
    tuned, files = say.get("gate.tuned"), say.get("files", {})
    place = say.get("about.hub") or "."
    prompt = _prompt(say, tuned)
    told = [
        say("start.transformers"),
        (CHAT if tuned else BASE).format(place=place, prompt=_python(prompt)),
        _beginning(say),
    ]
    gguf = sorted((name for name in files if name.endswith(".gguf")), key=lambda name: -files[name].get("bytes", 0))
    if gguf:
        flag = "--conversation" if tuned else f"--prompt {quote(prompt)} -no-cnv"
        told += [say("start.llama"), _shell(f"llama-cli --model {gguf[0]} {flag}")]
    modelfile = next((name for name in files if PurePosixPath(name).name == "Modelfile"), None)
    if modelfile and say.has("about.name"):
        name = say.get("about.name")
        told += [say("start.lmstudio", folder=PurePosixPath(modelfile).parent.parent.as_posix())]
        told += [say("start.ollama"), _shell(f"ollama create {name} --file {modelfile}", f"ollama run {name}")]
    here = f"calame chat {place}" if tuned else f"calame generate {place} --prompt {quote(prompt)}"
    if place == ".":
        told += [say("start.chat"), _shell(here), say("start.server"), _shell(f"calame serve {place}")]
    told += [say("start.verify"), _shell("calame release --verify .")]
    return section(say.texts["titles"]["start"], 2, *told)


def _prompt(say: Say, tuned: bool) -> str:
    """Something that the model was asked before, or else a greeting in its first language."""
    language = next(iter(say.get("about.languages", ["en"])))
    asked = say.get("evaluation.exam.chat") if tuned else say.get("evaluation.samples")
    if asked and (text := asked[0].get("question" if tuned else "prompt")):
        return one_line(text)
    return (GREETING if tuned else BEGINNING).get(language, "")


def _python(text: str) -> str:
    """As a string of Python in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _beginning(say: Say) -> str | None:
    if not say.has("tokenizer.bos"):
        return None
    return say("start.no_bos" if say.get("tokenizer.bos") == "none" else "start.bos")


def _shell(*lines: str) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```"


def decoding(say: Say) -> str | None:
    """What a search found, with figures of prompts that it was not tuned on; else what is done without one."""
    if not say.has("decoding"):
        return section(say.texts["titles"]["decoding"], 2, say("decoding.none"))
    knobs = [[say.word(name), say.form(value, "g")] for name, value in say.get("decoding.parameters", {}).items()]
    held_out = [item for item in say.get("decoding.holdout", {}).items() if item[0] in say.texts["words"]]
    rates = say.each(lambda name, found: [say.word(name), say.form(found, "i")], held_out)
    confirmed = say.get("decoding.confirmed")
    told = [say("decoding.found"), say("decoding.confirmed" if confirmed else "decoding.not_confirmed")]
    return section(
        say.texts["titles"]["decoding"],
        2,
        " ".join(filter(None, told)),
        table(say.texts["decoding"]["head"], knobs),
        table(say.texts["decoding"]["measured"], rates),
    )


def uses(say: Say) -> str | None:
    tuned = say.get("gate.tuned")
    if tuned is None:
        return None
    made_for = [say("use.intended_chat" if tuned else "use.intended_base"), say("use.intended_study")]
    not_for = [say("use.no_advice"), say("use.no_facts"), say("use.no_languages")]
    not_for += [] if tuned else [say("use.no_chat")]
    titles = say.texts["titles"]
    return section(
        titles["use"],
        2,
        section(titles["intended"], 3, bullets(made_for)),
        section(titles["out_of_scope"], 3, bullets(not_for)),
    )


def limits(say: Say) -> str | None:
    """What the numbers say against it, in words."""
    told = [say(f"limits.{name}") for name in ("context", "text", "loops", "stays")]
    told += say.each(lambda row: _cannot(say, row), say.get("evaluation.exam.table", []))
    told += [_by_chance(say), say("limits.not_measured")]
    return section(say.texts["titles"]["limits"], 2, paragraphs(bullets(told)))


def _cannot(say: Say, row: Mapping[str, Any]) -> str | None:
    """A kind of question whose score is not beyond what knowing nothing reaches (95 %)."""
    base = max(row["most_frequent"], row["shuffled_facts"])
    return say("limits.cannot", row, base=base) if row["right"] - 1.96 * row["stderr"] <= base else None


def _by_chance(say: Say) -> str | None:
    """The benchmarks whose interval holds what chance would reach."""
    found = say.get("benchmarks.results", {})
    names = [name for name, one in found.items() if "chance" in one and "low" in one and one["low"] <= one["chance"]]
    return say("limits.chance", tasks=Written(say.joined([say.form(name, "c") for name in names]))) if names else None
