"""The verbs that let a model speak. Parse, call, print."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from calame.cli_arguments import model_arguments

if TYPE_CHECKING:
    from calame.road.talk import Asked

SAMPLING = {  # option: type, help; what is not given is as recommended for the model, else by default
    "temperature": (float, "0: always the likeliest"),
    "top_k": (int, "draw among so many of the likeliest; 0: all"),
    "top_p": (float, "and among those that make up this share"),
    "min_p": (float, "and at least this share as likely as the likeliest"),
    "repetition_penalty": (float, "against what was said already; 1: none"),
    "no_repeat_ngram": (int, "no so many tokens in a row twice; 0: they may"),
    "seed": (int, "of the draws"),
    "limit": (int, "most new tokens"),
}


def add_generate(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("generate", help="continue a beginning")
    talk_arguments(verb)
    verb.add_argument("--prompt", required=True)

    def call(options: argparse.Namespace) -> None:
        from calame.road.talk import go_on

        for piece in go_on(asked_of(options), options.prompt):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("\n")

    verb.set_defaults(call=call)


def add_chat(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("chat", help="talk to a tuned model")
    talk_arguments(verb)
    verb.add_argument(
        "--language", choices=("fr", "it", "en"), help="of the interface (default: the recipe's, else the terminal's)"
    )

    def call(options: argparse.Namespace) -> None:
        from calame.road.talk import talk

        talk(asked_of(options), options.language)

    verb.set_defaults(call=call)


def talk_arguments(verb: argparse.ArgumentParser) -> None:
    model_arguments(verb)
    verb.add_argument("--draft", metavar="MODEL", help="a smaller one of the same tokenizer, which proposes tokens")
    part = verb.add_argument_group("decoding", "default: what is recommended for the model, said at the beginning")
    for name, (kind, meaning) in SAMPLING.items():
        part.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=meaning)


def asked_of(options: argparse.Namespace) -> Asked:
    from calame.road.talk import Asked

    sampling = {name: getattr(options, name) for name in SAMPLING}
    return Asked(options.model, options.runs, options.device, options.base, options.draft, sampling)
