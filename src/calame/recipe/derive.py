"""Values that follow from others. Each one carries its reason; the user may always write his own."""

from __future__ import annotations

from typing import Any, TypeVar

from calame.recipe.cleaning import settle_cleaning
from calame.recipe.derive_tuning import derive_dpo, derive_sft
from calame.recipe.derived import Derived, settle
from calame.recipe.mixture import SHARES, SUM_WITHIN, Shares
from calame.recipe.precision import derived_state
from calame.recipe.schema import Execution, Model, Pretrain, Recipe
from calame.recipe.timeline import last_of
from calame.recipe.units import say_count

M = TypeVar("M", bound=Shares)


def derive(recipe: Recipe) -> tuple[Recipe, list[Derived]]:
    """The recipe with every None settled that the recipe itself decides, and what was derived, in its order."""
    notes: list[Derived] = []
    pretrain = _derive_pretrain(recipe.pretrain, notes)
    model = _derive_model(recipe.model, last_of(pretrain.context), notes)
    sft = derive_sft(recipe.sft, pretrain, notes) if recipe.sft else None
    dpo = derive_dpo(recipe.dpo, sft, pretrain, notes) if recipe.dpo else None
    evaluation = settle(recipe.evaluation, "evaluation", notes, {"stride": _stride(last_of(pretrain.context))})
    execution = _derive_execution(recipe.execution, pretrain, _slices(recipe), notes)
    corpus = settle_cleaning(recipe.corpus, recipe.languages)
    update = {"corpus": corpus, "model": model, "pretrain": pretrain, "sft": sft, "dpo": dpo}
    return recipe.model_copy(update={**update, "evaluation": evaluation, "execution": execution}), notes


def _slices(recipe: Recipe) -> int:
    """The most slices of validation text that there may be: a source without a language may speak all."""
    return sum(1 if source.language else len(recipe.languages) for source in recipe.corpus.sources.values())


def _stride(context: int) -> tuple[int, str]:
    return max(1, context // 2), "half of pretrain.context: each token has at least the other half before it"


def _derive_model(model: Model, context: int, notes: list[Derived]) -> Model:
    if model.num_attention_heads is None:
        size = model.head_dim or min(64, model.hidden_size)
        reason = f"hidden_size {model.hidden_size} / heads of {size}"
        model = settle(model, "model", notes, {"num_attention_heads": (max(1, model.hidden_size // size), reason)})
    heads = model.num_attention_heads or 1
    wide = (
        -(-model.hidden_size * 8 // 3 // 64) * 64,
        "8/3 of hidden_size, rounded up to a multiple of 64 (Shazeer 2020)",
    )
    if model.family == "gpt2":
        wide = (4 * model.hidden_size, "4 x hidden_size (Radford et al. 2019)")
    return settle(
        model,
        "model",
        notes,
        {
            "num_key_value_heads": (heads, "as many as attention heads (no grouping)"),
            "head_dim": (model.hidden_size // heads, "hidden_size / num_attention_heads"),
            "intermediate_size": wide,
            "max_position_embeddings": (context, "pretrain.context"),
        },
    )


def _derive_pretrain(pretrain: Pretrain, notes: list[Derived]) -> Pretrain:
    schedule = pretrain.schedule
    optimizer = settle(pretrain.optimizer, "pretrain.optimizer", notes, {"state": derived_state(pretrain.precision)})
    pretrain = pretrain.model_copy(update={"optimizer": optimizer})
    pretrain = pretrain.model_copy(update=_normalise(pretrain, notes))
    if schedule.warmup is None:
        reason = f"2 % of {say_count(pretrain.tokens)} tokens"
        notes.append(Derived("pretrain.schedule.warmup", default_warmup(pretrain.tokens), reason, at_start=True))
    if schedule.horizon is None:
        notes.append(Derived("pretrain.schedule.horizon", pretrain.tokens, "pretrain.tokens", at_start=True))
    if schedule.kind == "wsd":
        if schedule.decay is None:
            decay = default_decay(schedule.horizon or pretrain.tokens)
            reason = "a fifth of the horizon (Hägele et al. 2024)"
            notes.append(Derived("pretrain.schedule.decay", decay, reason, at_start=True))
        shape = {"shape": ("linear", "as Gaperon and 1gpu-llm have it")}
        schedule = settle(schedule, "pretrain.schedule", notes, shape)
        pretrain = pretrain.model_copy(update={"schedule": schedule})
    return pretrain


def _normalise(pretrain: Pretrain, notes: list[Derived]) -> dict[str, Any]:
    """The mixture and the phases of a recipe, their shares divided by their sum where it says so."""
    everywhere = pretrain.mixture.normalise
    phases = {
        name: phase.model_copy(
            update={"mixture": _of_sum_1(phase.mixture, f"phases.{name}.mixture", everywhere, notes)}
        )
        for name, phase in (pretrain.phases or {}).items()
    }
    return {"mixture": _of_sum_1(pretrain.mixture, "mixture", None, notes), "phases": phases or pretrain.phases}


def _of_sum_1(mixture: M, key: str, everywhere: bool | None, notes: list[Derived]) -> M:
    update = {}
    for way in SHARES if mixture.normalise or everywhere else ():
        shares: dict[str, float] = getattr(mixture, way) or {}
        total = sum(shares.values())
        if total and abs(total - 1) > SUM_WITHIN:  # as what is refused without it
            update[way] = {name: share / total for name, share in shares.items()}
            notes.append(Derived(f"pretrain.{key}.{way}", update[way], f"those written add up to {total:g}"))
    return mixture.model_copy(update=update)


def default_decay(horizon: int) -> int:
    """Tokens of decay of a schedule wsd that ends at `horizon`."""
    return horizon // 5


def default_warmup(tokens: int) -> int:
    """Tokens of warm-up of a run of so many tokens."""
    return tokens // 50


def _derive_execution(execution: Execution, pretrain: Pretrain, slices: int, notes: list[Derived]) -> Execution:
    tenth = max(pretrain.tokens // 10, last_of(pretrain.batch))
    every = execution.validate_every or tenth
    tokens = min(max(every // (4 * slices), 4 * last_of(pretrain.context)), 100_000)
    # Reading costs a third of learning: a quarter of the tokens is a twelfth of the work.
    reason = f"a quarter of validate_every over {slices} slices, within four rows and 100k"
    return settle(
        execution,
        "execution",
        notes,
        {
            "validate_every": (tenth, "a tenth of pretrain.tokens"),
            "validation_tokens": (tokens, reason),
            "generate_every": (max(pretrain.tokens // 5, last_of(pretrain.batch)), "a fifth of pretrain.tokens"),
            "save_every": (tenth, "a tenth of pretrain.tokens"),
        },
    )
