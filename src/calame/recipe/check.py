"""Checks of a recipe whose keys are well typed: what no key alone can see."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from calame.recipe.check_evaluation import evaluation_check
from calame.recipe.check_mixture import mixtures, phases
from calame.recipe.check_timed import Known, Where, contexts, schedules
from calame.recipe.check_tuning import builtin_check, chat_check, conversation_check, pair_check, world_check
from calame.recipe.cleaning import cleaning_check
from calame.recipe.corpus import BUILTIN, CODE
from calame.recipe.errors import Problem
from calame.recipe.objective import is_headless, objective_check
from calame.recipe.precision import precision_check
from calame.recipe.schema import Model, Recipe
from calame.recipe.texts import Pii
from calame.recipe.timeline import last_of, values_of
from calame.recipe.units import say_count

GGUF_GROUP = 32  # weights that share a scale in the smallest groups of GGUF's types


def shape_check(model: Model, where: Where, known: Known) -> Iterator[Problem]:
    """Shapes that do not divide, in a model as it is written: before anything is derived."""
    size, heads, kv_heads = model.hidden_size, model.num_attention_heads, model.num_key_value_heads
    if not all(known("model", key) for key in ("hidden_size", "num_attention_heads", "head_dim")):
        return
    derived = heads or max(1, size // (model.head_dim or min(64, size)))
    if heads is None and model.head_dim is None and size % 64 and size > 64:
        yield Problem(
            where("model", "hidden_size"),
            f"{size} does not divide into heads of 64",
            "a multiple of 64, or model.num_attention_heads given",
        )
    elif heads and model.head_dim is None and size % heads:
        yield Problem(
            where("model", "hidden_size"),
            f"{size} is not a multiple of num_attention_heads {heads}",
            f"a multiple, e.g. {round(size / heads) * heads or heads}, or model.head_dim given",
        )
    elif (head_dim := model.head_dim or (size // heads if heads else min(64, size))) % 2:
        yield Problem(where("model", "head_dim"), f"{head_dim} is odd", "an even number: rotary positions turn pairs")
    if model.family != "gpt2" and known("model", "rope_scaling"):
        yield from _stretched(model, where)
    if model.family == "gpt2":
        if model.rope_scaling != "none":
            yield Problem(
                where("model", "rope_scaling"), "gpt2 has learned positions, which cannot be stretched", "none"
            )
        if kv_heads and kv_heads != derived:
            yield Problem(
                where("model", "num_key_value_heads"),
                f"{kv_heads}, but gpt2 does not group its heads",
                "left out",
            )
        if model.head_dim and model.head_dim * derived != size:
            yield Problem(
                where("model", "head_dim"),
                f"{derived} heads of {model.head_dim} are not gpt2's hidden_size {size}",
                "left out",
            )
    elif kv_heads and derived % kv_heads:
        yield Problem(
            where("model", "num_key_value_heads"),
            f"num_attention_heads {derived} is not a multiple of {kv_heads}",
            ", ".join(str(n) for n in range(1, derived + 1) if derived % n == 0),
        )


def _stretched(model: Model, where: Where) -> Iterator[Problem]:
    """Positions that are stretched need to be told how; others must not be."""
    kind = model.rope_scaling
    if kind != "none" and model.rope_factor == 1:
        yield Problem(where("model", "rope_factor"), f"1, with rope_scaling {kind}", "more than 1, e.g. 2")
    if kind == "none" and model.rope_factor != 1:
        yield Problem(
            where("model", "rope_factor"), f"{model.rope_factor:g}, but rope_scaling is none", "1, or linear or yarn"
        )
    if kind == "yarn" and not model.rope_original:
        yield Problem(
            where("model", "rope_original"),
            "missing, with rope_scaling yarn",
            "the context that was trained, in tokens",
        )


def cross_check(recipe: Recipe, where: Where, known: Known = lambda *key: True) -> Iterator[Problem]:
    """Every problem between sections of a derived recipe.

    `known` says whether a key has a value to judge: where the user's was refused, the recipe holds another one.
    """
    for check in CHECKS:
        yield from check(recipe, where, known)


def _batches(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    positions = recipe.model.max_position_embeddings
    for name in ("pretrain", "sft"):
        part = getattr(recipe, name)
        # What sft leaves out comes from pretrain, so both must be known.
        if part is None or not all(known(n, key) for n in ("pretrain", name) for key in ("batch", "context")):
            continue
        context = last_of(part.context)
        for batch in values_of(part.batch):
            if batch % context:
                near = max(1, round(batch / context)) * context
                yield Problem(
                    where(name, "batch"),
                    f"{batch} tokens do not divide into rows of {context}",
                    f"a multiple of {name}.context"
                    + (", of its last step" if len(values_of(part.context)) > 1 else ""),
                    f"e.g. {name}.batch={near}",
                )
        if known("model", "max_position_embeddings") and context > (positions or context):
            yield Problem(
                where(name, "context"),
                f"{context} is more than the model's positions",
                f"at most {positions}",
                f"set model.max_position_embeddings={context}",
            )


def _length(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    pretrain = recipe.pretrain
    if not known("pretrain", "tokens"):
        return
    first = values_of(pretrain.batch)[0]
    if known("pretrain", "batch") and pretrain.tokens < first:
        yield Problem(
            where("pretrain", "tokens"),
            f"{pretrain.tokens} is less than one batch",
            f"at least pretrain.batch, {first}",
        )
    warmup = pretrain.schedule.warmup or 0
    if warmup > pretrain.tokens:
        yield Problem(
            where("pretrain", "schedule", "warmup"),
            f"{say_count(warmup)} tokens is longer than the run",
            f"at most pretrain.tokens, {say_count(pretrain.tokens)}",
        )


def _beginnings(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    load = recipe.pretrain.load
    if load is None or not known("pretrain", "load"):
        return
    if recipe.model.init:
        remedy = "leave one of the two out"
        yield Problem(where("pretrain", "load"), "the weights are to come from model.init already", remedy=remedy)
    if not known("pretrain", "load", "mode") or not known("pretrain", "objective"):
        return
    headless = is_headless(recipe)
    if "init_head" in load.mode and (recipe.model.tie_word_embeddings or headless):
        yield Problem(
            where("pretrain", "load", "mode"),
            "init_head, but the model has no head of its own",
            remedy="model.tie_word_embeddings=false" + (" and pretrain.objective=next-token" if headless else ""),
        )


def _languages(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    if not known("languages"):
        return
    for name, source in recipe.corpus.sources.items():
        if source.language and source.language not in (*recipe.languages, CODE):
            yield Problem(
                where("corpus", "sources", name, "language"),
                f"{source.language} is not in languages",
                ", ".join((*recipe.languages, CODE)),
                "add it to languages, or correct it",
            )


def _near(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    near, path = recipe.corpus.dedup.near, ("corpus", "dedup", "near")
    if near is None or not known(*path):
        return
    given = [name for name, value in type(near)() if getattr(near, name) != value and name != "method"]
    if near.method == "rodin" and given:
        yield Problem(
            where(*path),
            f"{', '.join(given)}: not with method rodin, whose numbers are fixed",
            "method alone",
            "leave them out, or method: verified",
        )
    if (most := 1 - (1 - near.jaccard) ** near.permutations) < near.recall:
        yield Problem(
            where(*path, "recall"),
            f"{near.recall:.4%} of the pairs at {near.jaccard:g} cannot be found with {near.permutations} permutations",
            f"at most {most:.4%}",
            f"more permutations: {'.'.join(path)}.permutations={2 * near.permutations}",
        )


def _quality(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    quality = recipe.corpus.quality
    if quality is None or not all(known("corpus", key) for key in ("quality", "sources")):
        return
    trained = quality.scorer in ("linear", "neural")
    if trained and quality.location is None and known("corpus", "quality", "from"):
        yield Problem(
            where("corpus", "quality", "from"),
            f"missing, with scorer {quality.scorer}",
            "the folder of a trained classifier",
            f"calame corpus quality train FILES --kind {quality.scorer} --to FOLDER",
        )
    if not trained and quality.location is not None:
        yield Problem(where("corpus", "quality", "from"), f"scorer {quality.scorer} is not trained", "left out")
    if unknown := sorted(set(quality.sources) - set(recipe.corpus.sources)):
        key = where("corpus", "quality", "sources")
        yield Problem(key, f"no source is called {', '.join(unknown)}", ", ".join(sorted(recipe.corpus.sources)))
    for path, rule in (((), quality), *((("sources", name), rule) for name, rule in quality.sources.items())):
        for key, value in (("keep", rule.keep), ("threshold", rule.threshold)):
            if known("languages") and isinstance(value, dict) and (unknown := sorted(set(value) - {*recipe.languages})):
                yield Problem(
                    where("corpus", "quality", *path, key),
                    f"{', '.join(unknown)} is not in languages",
                    ", ".join(recipe.languages),
                )


def _sources(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    for name, source in recipe.corpus.sources.items():
        path = ("corpus", "sources", name)
        if not known(*path, "from") or not known(*path, "size"):
            continue
        yield from builtin_check(source, path, where)
        if source.location == BUILTIN and source.language and recipe.languages != [source.language]:
            yield Problem(
                where(*path, "language"),
                "the built-in world speaks all languages of the recipe, as its questions and conversations do",
                remedy="leave it out",
            )
        if not source.location.startswith("builtin:") and source.size is not None:
            yield Problem(
                where(*path, "size"),
                "only built-in sources have a size",
                remedy="use limit: DOCUMENTS to take less of a file",
            )


def _texts(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Kinds of personal data that have a placeholder, and injections that are possible."""
    pii = {("corpus", "pii"): recipe.corpus.pii}
    pii |= {("corpus", "sources", name, "pii"): part.pii for name, part in recipe.corpus.sources.items() if part.pii}
    kinds = [kind for kind in Pii.model_fields if kind not in ("every", "placeholders")]
    for path, part in pii.items():
        if unknown := sorted(set(part.placeholders) - set(kinds)):
            yield Problem(where(*path, "placeholders"), f"no kind is called {', '.join(unknown)}", ", ".join(kinds))
    inject = recipe.corpus.inject
    if inject is None or not known("corpus", "inject") or not known("languages"):
        return
    for name, part in inject.language_switch.items():
        path = ("corpus", "inject", "language_switch", name)
        for key, language in (("from", part.before), ("to", part.after)):
            if language not in recipe.languages:
                yield Problem(where(*path, key), f"{language} is not in languages", ", ".join(recipe.languages))
        if part.before == part.after:
            yield Problem(where(*path, "to"), f"from {part.before} to {part.after} is no switch", "two languages")
    if names := sorted(set(inject.language_switch) & {"canary", "facts", "evaluation"}):
        key = where("corpus", "inject", "language_switch")
        yield Problem(key, f"{', '.join(names)}: the name of another injection", "a name of its own")
    if (share := sum(part.rate for part in (inject.evaluation, inject.facts) if part)) >= 1:
        yield Problem(
            where("corpus", "inject"), f"evaluation and facts would be {share:.0%} of the text", "less than 1"
        )


def _telemetry(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Sinks that are not installed: found out before, not once the training has begun."""
    for name in recipe.execution.telemetry if known("execution", "telemetry") else ():
        if find_spec(name) is None:
            yield Problem(
                where("execution", "telemetry"),
                f"{name} is not installed",
                "what is installed of trackio, tensorboard, wandb",
                f"pip install 'calame[{name}]'",
            )


def _corpus_engine(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """What an engine needs and has not got: said before anything is read."""
    asked, path = recipe.execution.corpus, ("execution", "corpus")
    if not known(*path, "engine") or asked.engine == "local":
        return
    for package in ("datatrove", "ray") if asked.engine == "ray" else ("datatrove",):
        if find_spec(package) is None:
            remedy = "pip install 'calame[datatrove]'" if package == "datatrove" else "pip install ray"
            yield Problem(
                where(*path, "engine"), f"{asked.engine} needs the package {package}, not installed", "local", remedy
            )
    if asked.engine == "slurm" and asked.partition is None and known(*path, "partition"):
        yield Problem(
            where(*path, "partition"), "missing: slurm puts its jobs in one", remedy="execution.corpus.partition=NAME"
        )


def _released(recipe: Recipe, where: Where, known: Known) -> Iterator[Problem]:
    """Types of GGUF files that the model's rows do not fit: said before the days of training."""
    width = recipe.model.hidden_size
    if not known("release", "gguf") or not known("model", "hidden_size") or width % GGUF_GROUP == 0:
        return
    if quantised := [kind for kind in recipe.release.gguf if kind != "f16"]:
        yield Problem(
            where("release", "gguf"),
            f"{', '.join(quantised)}: rows of {width} weights (model.hidden_size), which no quantised type can hold",
            f"f16, or a hidden_size that is a multiple of {GGUF_GROUP}",
        )


CHECKS = (
    precision_check,
    objective_check,
    cleaning_check,
    _batches,
    contexts,
    _length,
    _beginnings,
    schedules,
    mixtures,
    phases,
    _languages,
    _near,
    _quality,
    _sources,
    _texts,
    chat_check,
    conversation_check,
    pair_check,
    world_check,
    evaluation_check,
    _telemetry,
    _corpus_engine,
    _released,
)
