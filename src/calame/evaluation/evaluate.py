"""Stage evaluation: the selected model and the tuned one, on validation text, on questions, and in their own words.

evaluation.json   losses by slice, exam table, samples, chat; answers.jsonl: every question with its answer
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calame.evaluation.exam import read_questions, score_table, sit_exam, write_answers
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded, load_checkpoint
from calame.recipe.schema import Recipe
from calame.recipe.timeline import last_of
from calame.run.files import read_json, write_json
from calame.run.progress import Bar, say
from calame.training.batch import LossFunction, choose_attention
from calame.training.setup import MICRO_BATCH, open_shards
from calame.training.validate import slices_of, validate

FILE = "evaluation.json"
SAMPLED = Sampling(temperature=0.8, top_k=50, top_p=0.95, limit=96)


def evaluate(recipe: Recipe, shards: Mapping[str, Path], models: Mapping[str, Path], folder: Path) -> None:
    """`models`: checkpoint folders by name, the last one being what is released (`pretrained`, `tuned`)."""
    result: dict[str, Any] = {"losses": {}, "samples": {}, "exam": [], "chat": []}
    loaded = None
    for name, path in models.items():
        loaded = load_checkpoint(path, recipe.execution.device)
        result["losses"][name] = losses(recipe, shards, loaded)
        result["samples"][name] = samples(recipe, loaded)
        mixed = result["losses"][name]["mixed"]
        say(f"  {name}: {mixed['bpb']:.3f} bits a byte on all validation text")
    assert loaded is not None
    if recipe.evaluation.questions and loaded.tuned:
        answers = sit_exam(loaded, read_questions(recipe))
        write_answers(folder / "answers.jsonl", answers)
        result["exam"] = score_table(answers)
        result["chat"] = [
            {"question": a.question.question, "answer": a.text} for a in answers[:: max(1, len(answers) // 9)]
        ]
    write_json(folder / FILE, result)


def losses(recipe: Recipe, shards: Mapping[str, Path], loaded: Loaded) -> dict[str, Any]:
    """Loss (nats a token) and bits per byte of each slice, on all its validation text."""
    context, special = last_of(recipe.pretrain.context), loaded.tokenizer.special
    slices = slices_of(open_shards(shards, "validation", loaded.tokenizer), context, special.eos, special.pad)
    attention = choose_attention(loaded.device, True)
    rows = max(1, MICRO_BATCH[loaded.device.torch.type] // context)
    with Bar("validation text", sum(len(part.rows) * context for part in slices), "tokens") as bar:
        loss = LossFunction(loaded.model, loaded.device, True, attention, False)
        found = validate(loss, slices, rows, bar.advance)
    loaded.model.eval()
    return {name: {"loss": round(s.loss, 5), "bpb": round(s.bpb, 5), "tokens": s.tokens} for name, s in found.items()}


def samples(recipe: Recipe, loaded: Loaded) -> list[dict[str, str]]:
    """The recipe's prompts continued, sampled, unedited."""
    prompts = [loaded.tokenizer.prompt(text) for text in recipe.evaluation.prompts]
    found = complete(loaded, prompts, SAMPLED) if prompts else []
    return [{"prompt": p, "continuation": c.text} for p, c in zip(recipe.evaluation.prompts, found, strict=True)]


def exam_lines(table: list[dict[str, Any]]) -> list[str]:
    """The exam as a table for the terminal."""
    if not table:
        return []
    head = f"  {'kind':<10} {'language':<9} {'questions':>9} {'right':>15}"
    head += f" {'most frequent':>14} {'shuffled':>9} {'stopped':>8}"
    return [head] + [
        f"  {row['kind']:<10} {row['language']:<9} {row['questions']:>9} {row['right']:>7.1%} ± {row['stderr']:<5.1%}"
        f" {row['most_frequent']:>14.1%} {row['shuffled_facts']:>9.1%} {row['stopped']:>8.1%}"
        for row in table
    ]


def shortfalls(recipe: Recipe, folder: Path) -> list[str]:
    """What `evaluation.require` asks and the exam did not reach, in words; also an answer that did not stop."""
    table = read_json(folder / FILE)["exam"]
    words = []
    for kind, least in recipe.evaluation.require.items():
        rows = [row for row in table if row["kind"] == kind]
        if not rows:
            words.append(f"no question of kind {kind} was asked")
        for row in rows:
            if row["right"] < least:
                words.append(f"{kind} in {row['language']}: {row['right']:.1%} right, {least:.0%} required")
            if row["stopped"] < 1:
                words.append(
                    f"{kind} in {row['language']}: {1 - row['stopped']:.1%} of the answers did not end by themselves"
                )
    return words
