"""The language identifier, on texts of known languages: the ground that language consistency stands on."""

from __future__ import annotations

from collections.abc import Sequence

from calame.corpus.language_id import likeliest
from calame.evaluation.tasks.figures import Chance, figure_of, mean_of
from calame.evaluation.tasks.outcome import Done, Outcome
from calame.evaluation.tasks.shots import Chosen
from calame.inference.load import Loaded


def measure_identify(loaded: Loaded, chosen: Chosen, metrics: Sequence[str], done: Done) -> Outcome:
    """acc: the identifier names the language, among all that it knows. f1_xx: precision and recall of one language."""
    pairs = []
    for item in chosen.items:
        pairs.append((item.values["lang"], likeliest(item.values["text"])[0]))
        done(1)
    languages = {language for language, _ in pairs}
    rows = [
        {"id": item.id, "acc": float(right == found), "said": found, "right": right}
        for item, (right, found) in zip(chosen.items, pairs, strict=True)
    ]
    figures = {"acc": mean_of([row["acc"] for row in rows], Chance(1 / len(languages), "one language in as many"))}
    for metric in metrics:
        if metric.startswith("f1_") and (code := metric.removeprefix("f1_")) in languages:
            figures[metric] = figure_of(pairs, lambda found, code=code: language_f1(found, code))
    return Outcome(figures, rows, notes=["measures the project's language identifier, not the model"])


def language_f1(pairs: Sequence[tuple[str, str]], code: str) -> float:
    """2 hits / (named + there); 0 where the language is neither."""
    hits = sum(right == found == code for right, found in pairs)
    named = sum((right == code) + (found == code) for right, found in pairs)
    return 2 * hits / named if named else 0.0
