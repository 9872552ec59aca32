"""The verb that measures a model, by benchmarks or as the stage evaluation does. Parse, call, print."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from calame.cli_arguments import count, model_arguments, positive, refuse_given


def add_evaluate(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("evaluate", help="measure a model: benchmarks, or losses, behaviour, probes")
    model_arguments(verb)
    verb.add_argument(
        "--tasks", metavar="A,B", help="e.g. french_bench; offline: all tasks of the folder (default: the recipe's)"
    )
    verb.add_argument("--folder", help="where local tasks lie, with their manifest (default: the recipe's)")
    verb.add_argument("--shots", type=count, metavar="N", help="examples before each item (default: as each task has)")
    verb.add_argument("--limit", type=positive, metavar="N", help="items of a task, for a first look (default: all)")
    verb.add_argument("--measure", metavar="A,B", help="not benchmarks, but: losses, exam, behaviour, probes, samples")
    verb.add_argument("--on", metavar="RUN", help="with --measure: the run whose validation text and recipe are used")
    verb.add_argument("--to", metavar="FOLDER", help="(default: benchmarks, or measured, in the run's folder)")

    def call(options: argparse.Namespace) -> None:
        for line in _by_benchmarks(options) if options.measure is None else _as_the_stage(options):
            print(line)

    verb.set_defaults(call=call)


def _by_benchmarks(options: argparse.Namespace) -> Iterator[str]:
    from calame.evaluation.tasks.verb import Asked, evaluate_tasks

    refuse_given(options, "only with --measure", "on")
    return evaluate_tasks(Asked(**{name: getattr(options, name) for name in Asked.__dataclass_fields__}))


def _as_the_stage(options: argparse.Namespace) -> Iterator[str]:
    from calame.evaluation.verb import Asked, evaluate_model

    refuse_given(options, "not with --measure, which measures as the recipe says", "tasks", "folder", "shots", "limit")
    return evaluate_model(Asked(**{name: getattr(options, name) for name in Asked.__dataclass_fields__}))
