"""Checks of what is measured: held-out slices and their weights, questions, the metric that selects."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from calame.recipe.check_mixture import in_proportion
from calame.recipe.check_timed import Known, Where
from calame.recipe.corpus import BUILTIN, CODE
from calame.recipe.criteria import parse_criteria
from calame.recipe.errors import Problem, UserError
from calame.recipe.mixture import SUM_WITHIN
from calame.recipe.schema import Recipe
from calame.recipe.slices import slice_name
from calame.recipe.timeline import last_of


def evaluation_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    if not known("corpus", "sources") or not known("languages"):
        return
    if not recipe.corpus.trained:
        key = where("corpus", "sources")
        yield Problem(key, "all are out of domain (ood): nothing is left to train on", "a source without ood")
    if known("evaluation", "mixed") and isinstance(recipe.evaluation.mixed, dict):
        yield from _weights(recipe, recipe.evaluation.mixed, where("evaluation", "mixed"))
    yield from _stride(recipe, where, known)
    yield from _questions(recipe, where)
    yield from _metric(recipe, where, known)
    yield from _in_training(recipe, where)


def slices_of(recipe: Recipe, ood: bool = False, certain: bool = False) -> list[str]:
    """The slices that there may be. certain: only those that the recipe itself says there are (which languages the
    documents of a source have is known once they are read)."""
    found = []
    for name in recipe.corpus.ood if ood else recipe.corpus.trained:
        own = recipe.corpus.sources[name].language
        spoken = [own] if own else recipe.languages
        if own == CODE or len(spoken) == 1 or not certain:
            found += [slice_name(language, name, ood) for language in spoken]
    return found


def _weights(recipe: Recipe, weights: dict[str, float], key: str) -> Iterator[Problem]:
    possible = slices_of(recipe)
    if unknown := [name for name in weights if name not in possible]:
        near = [match for name in unknown for match in difflib.get_close_matches(name, possible, n=1)]
        remedy = f"did you mean {', '.join(near)}?" if near else ""
        yield Problem(key, f"no slice is called {', '.join(unknown)}", ", ".join(possible), remedy)
    if missing := [name for name in slices_of(recipe, certain=True) if name not in weights]:
        yield Problem(key, f"no weight for {', '.join(missing)}", remedy="give each slice its weight; 0 leaves it out")
    total = sum(weights.values())
    if abs(total - 1) > SUM_WITHIN:
        remedy = f"with the same proportions: mixed: {in_proportion(weights, total)}"
        yield Problem(key, f"the weights add up to {total:.6g}", "1", remedy)


def _stride(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    stride, context = recipe.evaluation.stride, last_of(recipe.pretrain.context)
    if stride and stride > context and known("evaluation", "stride") and known("pretrain", "context"):
        words = f"{stride} is more than the context: tokens between two windows would not be asked for"
        yield Problem(where("evaluation", "stride"), words, f"at most pretrain.context, {context}")


def _questions(recipe: Recipe, where: Where) -> Iterator[Problem]:
    questions = recipe.evaluation.questions or ""
    if not questions.startswith("builtin:"):
        return
    if questions != BUILTIN:
        yield Problem(where("evaluation", "questions"), f"no built-in questions {questions!r}", BUILTIN)
    elif all(recipe.corpus.sources[name].location != BUILTIN for name in recipe.corpus.trained):
        yield Problem(
            where("evaluation", "questions"),
            "they are about the built-in world, but no source of the corpus is",
            "a .jsonl file, or a source with from: builtin:petit-monde",
        )


def _metric(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """`select` by what is measured: what is misspelt is otherwise found out only after the training."""
    if recipe.select == "last" or not known("select"):
        return
    if recipe.select.startswith("compare:"):
        yield from _criteria(recipe, where("select"))
        return
    slices = ["mixed", "micro", *slices_of(recipe), *slices_of(recipe, ood=True)]
    metrics = [f"best:val/{name}/{kind}" for name in slices for kind in ("loss", "bpb")]
    if recipe.select not in metrics:
        yield Problem(where("select"), f"{recipe.select!r} is not measured", f"last, {', '.join(metrics)}")


def _criteria(recipe: Recipe, key: str) -> Iterator[Problem]:
    try:
        criteria = parse_criteria(recipe.select.removeprefix("compare:"), key, recipe.evaluation.criteria)
    except UserError as error:
        yield from error.problems
        return
    if not recipe.evaluation.tasks and (tasks := [c.name for c in criteria.criteria if c.kind == "eval"]):
        yield Problem(key, f"{', '.join(tasks)}: evaluation.tasks names no benchmark", remedy="name them there too")
    slices = ["mixed", "micro", *slices_of(recipe), *slices_of(recipe, ood=True)]
    named = [c.name.split("/")[1] for c in criteria.criteria if c.kind == "val"]
    if unknown := [name for name in named if name not in slices]:
        yield Problem(key, f"no slice is called {', '.join(unknown)}", ", ".join(slices))


def _in_training(recipe: Recipe, where: Where) -> Iterator[Problem]:
    if recipe.execution.tasks_every and not (recipe.evaluation.tasks and recipe.evaluation.folder):
        yield Problem(
            where("execution", "tasks_every"),
            "no local tasks are named",
            remedy="evaluation.tasks=[offline] and evaluation.folder=FOLDER, or leave it out",
        )
