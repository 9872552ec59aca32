"""Measure how a model writes: `behaviour.json` (rates with intervals), `behaviour_generations.jsonl` (every text)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calame.evaluation.behaviour.generate import Generation, generate
from calame.evaluation.behaviour.prompts import Prompt, choose, read_prompts, shipped_prompts
from calame.evaluation.behaviour.summary import summarise
from calame.evaluation.behaviour.verdict import LEAST_TOKENS
from calame.evaluation.measurement import CannotMeasure, Found, Subject
from calame.inference.generate import Sampling
from calame.inference.load import Loaded
from calame.recipe.evaluation import Behaviour
from calame.run.files import write_json, write_json_lines
from calame.run.progress import Bar, say

FILE, GENERATIONS = "behaviour.json", "behaviour_generations.jsonl"


def measure(subject: Subject) -> Found:
    """What `measure_behaviour` finds, None where `number` is 0."""
    keys, languages = subject.keys.behaviour, subject.setting.languages
    return measure_behaviour(subject.loaded, keys, languages, subject.folder) if keys.number else None


def measure_behaviour(loaded: Loaded, keys: Behaviour, languages: Sequence[str], folder: Path) -> dict[str, Any]:
    """Continue the prompts and write both files to `folder`; returns what behaviour.json holds.

    Raises what `behave` raises."""
    with Bar("behaviour", len(prompts_of(keys, languages)), "prompts") as bar:
        result, generations = behave(loaded, keys, languages, bar.advance)
    write_json_lines(folder / GENERATIONS, (generation.as_json() for generation in generations))
    write_json(folder / FILE, result)
    _tell(result)
    return result


def behave(
    loaded: Loaded,
    keys: Behaviour,
    languages: Sequence[str],
    done: Callable[[int], object] = lambda prompts: None,
) -> tuple[dict[str, Any], list[Generation]]:
    """The rates, as behaviour.json holds them, and the generations that they are of; `done` is told how many prompts
    more have been continued. Nothing is written and no random number of torch's is drawn, so that a training may ask
    for it in between, of fewer prompts (`keys.number`).

    Languages without prompts, prompts that cannot be continued, and how many generations were cut off by the context
    before the limit, stand in the result. Raises `UserError` for a file of prompts that is none, `CannotMeasure` where
    there are no prompts at all."""
    prompts = prompts_of(keys, languages)
    if not prompts:
        raise CannotMeasure(f"no prompts in {', '.join(languages)}: evaluation.behaviour.from=FILE gives your own")
    chat = keys.chat and loaded.tuned
    sampling = Sampling(**keys.decoding.model_dump(), seed=keys.seed, limit=keys.limit)
    generations, left_out = generate(loaded, prompts, sampling, chat, done)
    spoken = list(dict.fromkeys(prompt.language for prompt in prompts))
    return {
        "recipe": _recipe(loaded, keys, chat),
        "all": summarise(generations),
        "languages": {code: summarise([g for g in generations if g.prompt.language == code]) for code in spoken},
        "without_prompts": [language for language in languages if language not in spoken],
        "left_out": [{"prompt": out.prompt.text, "reason": out.reason} for out in left_out],
        "cut_by_context": sum(
            not one.completion.stopped and len(one.completion.ids) < keys.limit for one in generations
        ),
    }, generations


def telemetry(result: Mapping[str, Any]) -> dict[str, float]:
    """The rates over all languages under their names in metrics.jsonl, behaviour/NAME; those that can be said."""
    rates = {name: found for name, found in result["all"].items() if isinstance(found, dict)}
    return {f"behaviour/{name}": rate["value"] for name, rate in rates.items() if rate["value"] is not None}


def prompts_of(keys: Behaviour, languages: Sequence[str]) -> list[Prompt]:
    """Those that the keys ask for, in these languages."""
    found = read_prompts(Path(keys.location)) if keys.location else shipped_prompts(languages)
    return choose([prompt for prompt in found if prompt.language in languages], keys.number)


def _recipe(loaded: Loaded, keys: Behaviour, chat: bool) -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "checkpoint": Path(loaded.origin).name,
        "prompts": Path(keys.location).name if keys.location else "shipped",
        "prompts_each": keys.number,
        "asked": "in a conversation" if chat else "to go on",
        "decoding": keys.decoding.model_dump(),
        "limit": keys.limit,
        "least_tokens": LEAST_TOKENS,
        "seed": keys.seed,
    }


def _tell(result: dict[str, Any]) -> None:
    for language in result["without_prompts"]:
        say(f"  behaviour: there are no prompts in {language}")
    if cut := result["cut_by_context"]:
        say(f"  behaviour: generations that the model's context cut off before the limit: {cut}")
    if result["left_out"]:
        say(f"  behaviour: prompts left out: {len(result['left_out'])} ({result['left_out'][0]['reason']})")
