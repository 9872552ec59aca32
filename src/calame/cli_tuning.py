"""The verbs of tuning: parse, call one function, print."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from calame.cli_arguments import count, endpoint_arguments, endpoint_model, place_arguments, positive
from calame.cli_talk import SAMPLING

KNOBS = {name: kind for name, (kind, _) in SAMPLING.items() if name not in ("seed", "limit")}


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


def add_pairs(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("pairs", help="make preferences of a tuned model's own answers, marked by a judge")
    verb.add_argument("run", metavar="RUN", help="a tuned model: a run's name or folder, or any model's folder")
    verb.add_argument("--prompts", required=True, type=Path, metavar="FILE", help=".jsonl of prompts or conversations")
    verb.add_argument("--to", required=True, type=Path, metavar="FILE", help=".jsonl, for dpo.pairs")
    verb.add_argument("--answers", type=int, default=4, metavar="N", help="that are drawn for each prompt (4)")
    verb.add_argument("--seed", type=count, default=0, help="of the draws (0)")
    verb.add_argument("--new-tokens", type=positive, metavar="N", help="of an answer, at most (as recommended, or 256)")
    verb.add_argument(
        "--decoding",
        type=_knob,
        action="append",
        default=[],
        metavar="NAME=N",
        help="e.g. temperature=0.9, as often as wanted (default: as recommended for the model)",
    )
    verb.add_argument("--rubric", type=Path, metavar="FILE", help="YAML of your own (default: those shipped)")
    verb.add_argument("--language", metavar="fr", help="of prompts that name none (default: the run's, if it has one)")
    place_arguments(verb)
    endpoint_arguments(verb, temperature=0.0, tokens=512)

    def call(options: argparse.Namespace) -> None:
        from calame.road.own_pairs import Asked, make_pairs
        from calame.road.talk import Asked as Speaker

        sampling = {**dict(options.decoding), "seed": options.seed, "limit": options.new_tokens}
        speaker = Speaker(options.run, options.runs, options.device, False, None, sampling)
        asked = Asked(options.prompts, options.answers, options.language, options.rubric, options.to)
        for line in make_pairs(asked, speaker, endpoint_model(options)):
            print(line)

    verb.set_defaults(call=call)


def _knob(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, KNOBS[name](value)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"{text}: NAME=NUMBER with one of {', '.join(KNOBS)}") from None


def _add_recipe(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("recipe", help="a YAML file, or a shipped recipe's name")
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. sft.epochs=3")
    verb.add_argument("--force", action="store_true", help="train this stage alone again, although it is fresh")
