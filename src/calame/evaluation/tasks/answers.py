"""Tasks that the model answers in its own words, greedily, up to a stop or a number of tokens.

exact, f1: of the answer and its nearest reference after normalisation, as SQuAD (Rajpurkar et al. 2016) defines them,
with each language's articles (`normal.py`). number: the last number of the answer is the reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from calame.evaluation.tasks.figures import SHUFFLED, Chance, mean_of
from calame.evaluation.tasks.normal import last_number, normal_words
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shots import Chosen
from calame.inference.generate import Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.errors import refuse

PART = 512  # items that are answered before progress is told


def measure_answers(loaded: Loaded, chosen: Chosen, metrics: Sequence[str], done: Done) -> Outcome:
    """The metrics of answers, each with what the model's own answers reach when they are dealt to other items."""
    shape = chosen.items[0].shape
    room = loaded.model.config.max_position_embeddings - shape.tokens
    if room < 1:
        raise refuse(
            shape.name, f"an answer of {shape.tokens} tokens leaves no place for a question", "a longer context"
        )
    prompts = [loaded.tokenizer.prompt((chosen.before + item.context()).rstrip()) for item in chosen.items]
    said: list[str] = []
    for start in range(0, len(prompts), PART):
        part = [prompt[-room:] for prompt in prompts[start : start + PART]]
        said += [found.text for found in complete(loaded, part, Sampling(limit=shape.tokens), stops=(shape.stop,))]
        done(len(part))
    language, references = shape.language, [item.references for item in chosen.items]
    values = {m: scored(METRICS[m], said, references, language) for m in metrics}
    shuffled = {m: scored(METRICS[m], said, references[1:] + references[:1], language) for m in metrics}
    rows = [
        {"id": item.id, **{m: round(values[m][n], 6) for m in metrics}, "said": said[n]}
        for n, item in enumerate(chosen.items)
    ]
    figures = {m: mean_of(values[m], Chance(float(np.mean(shuffled[m])), SHUFFLED)) for m in metrics}
    return Outcome(figures, rows, sum(len(prompt) > room for prompt in prompts))


def scored(
    metric: Callable[[str, str, str], float], said: Sequence[str], references: Sequence[Sequence[str]], language: str
) -> list[float]:
    """Each answer by its nearest reference."""
    return [max(metric(text, one, language) for one in right) for text, right in zip(said, references, strict=True)]


def exact(said: str, reference: str, language: str) -> float:
    return float(normal_words(said, language) == normal_words(reference, language))


def f1(said: str, reference: str, language: str) -> float:
    """The harmonic mean of precision and recall of the answer's words."""
    ours, theirs = normal_words(said, language), normal_words(reference, language)
    common = sum((Counter(ours) & Counter(theirs)).values())
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * common / (len(ours) + len(theirs))


def number(said: str, reference: str, language: str) -> float:
    found = last_number(said, language)
    return float(found is not None and found == last_number(reference, "en"))


METRICS = {"exact": exact, "f1": f1, "number": number}
