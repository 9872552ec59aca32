"""What pretraining lowers, and what does not go together with a loss that trains no output head."""

from __future__ import annotations

from collections.abc import Iterator

from calame.recipe.check_timed import Known, Where
from calame.recipe.errors import Problem
from calame.recipe.schema import Recipe

NEXT_TOKEN, LITERAL = "next-token", "headless-literal"
HEAD_FOLLOWS = (
    "the head in another run (name=), pretrain.load.from=THIS_RUN pretrain.load.mode=cooldown+init_head "
    "model.tie_word_embeddings=false pretrain.objective=next-token (docs/headless.md)"
)


def is_headless(recipe: Recipe) -> bool:
    """Whether its pretraining trains no output head."""
    return recipe.pretrain.objective != NEXT_TOKEN


def objective_check(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    if not known("pretrain", "objective") or not is_headless(recipe):
        return
    how = f"with pretrain.objective {recipe.pretrain.objective}"
    if recipe.pretrain.label_smoothing and known("pretrain", "label_smoothing"):
        yield Problem(
            where("pretrain", "label_smoothing"),
            f"{recipe.pretrain.label_smoothing:g}, {how}, which gives no entry a probability",
            "0",
            "leave it out, or pretrain.objective=next-token",
        )
    if not recipe.model.tie_word_embeddings and known("model", "tie_word_embeddings"):
        yield Problem(
            where("model", "tie_word_embeddings"),
            f"false, {how}, which trains no head of its own",
            "true",
            f"model.tie_word_embeddings=true; then {HEAD_FOLLOWS}",
        )
    if recipe.select != "last" and known("select"):
        yield Problem(
            where("select"), f"{recipe.select!r}, {how}: without a head nothing is measured", "last", "select=last"
        )
    if recipe.execution.tasks_every and known("execution", "tasks_every"):
        yield Problem(
            where("execution", "tasks_every"), f"{how}: a model without a head answers nothing", remedy="leave it out"
        )
    if recipe.execution.graphs and known("execution", "graphs"):
        yield Problem(
            where("execution", "graphs"),
            f"true, {how}, whose passes are not recorded as a graph",
            "false",
            "leave it out",
        )
