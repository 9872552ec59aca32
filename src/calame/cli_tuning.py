"""The verbs of tuning: parse, call one function, print."""

from __future__ import annotations

import argparse
import sys


def add_sft(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("sft", help="tune a recipe's model on conversations, or show what is learnt of them")
    _add_recipe(verb)
    verb.add_argument(
        "--show-mask", type=int, metavar="N", help="show N conversations token by token with what is learnt, no more"
    )

    def call(options: argparse.Namespace) -> None:
        from calame.road.tune import show_mask, tune

        if options.show_mask is None:
            tune(options.recipe, options.overrides, "sft", options.force)
            return
        if options.show_mask < 1:
            verb.error(f"--show-mask {options.show_mask}: 1 or more")
        for line in show_mask(options.recipe, options.overrides, options.show_mask, sys.stdout.isatty()):
            print(line)

    verb.set_defaults(call=call)


def add_dpo(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("dpo", help="teach a recipe's model to prefer, by pairs of answers")
    _add_recipe(verb)

    def call(options: argparse.Namespace) -> None:
        from calame.road.tune import tune

        tune(options.recipe, options.overrides, "dpo", options.force)

    verb.set_defaults(call=call)


def _add_recipe(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("recipe", help="a YAML file, or a shipped recipe's name")
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. sft.epochs=3")
    verb.add_argument("--force", action="store_true", help="train this stage alone again, although it is fresh")
