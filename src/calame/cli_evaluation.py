"""The verb that measures a model by benchmarks. Parse, call, print."""

from __future__ import annotations

import argparse

from calame.cli_arguments import count, model_arguments, positive


def add_evaluate(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("evaluate", help="measure a model by benchmarks: local tasks, lm-evaluation-harness")
    model_arguments(verb)
    verb.add_argument(
        "--tasks", metavar="A,B", help="e.g. french_bench; offline: all tasks of the folder (default: the recipe's)"
    )
    verb.add_argument("--folder", help="where local tasks lie, with their manifest (default: the recipe's)")
    verb.add_argument("--shots", type=count, metavar="N", help="examples before each item (default: as each task has)")
    verb.add_argument("--limit", type=positive, metavar="N", help="items of a task, for a first look (default: all)")
    verb.add_argument("--to", metavar="FOLDER", help="(default: benchmarks in the run's folder)")

    def call(options: argparse.Namespace) -> None:
        from calame.evaluation.tasks.verb import Asked, evaluate_tasks

        asked = Asked(**{name: getattr(options, name) for name in Asked.__dataclass_fields__})
        for line in evaluate_tasks(asked):
            print(line)

    verb.set_defaults(call=call)
