"""Arguments that verbs of several modules have in common."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calame.run.endpoint import Model


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number


def count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text}: at least 0")
    return number


def refuse_given(options: argparse.Namespace, why: str, *names: str) -> None:
    """Raises `UserError` where one of these options, None by default, was given."""
    from calame.recipe.errors import refuse

    if given := [f"--{name}" for name in names if getattr(options, name) is not None]:
        raise refuse(", ".join(given), why)


def place_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    verb.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))


def model_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("model", help="a run's name or folder, a checkpoint folder, or a Hugging Face folder")
    place_arguments(verb)
    verb.add_argument("--base", action="store_true", help="the pretrained model, not the tuned one")


def endpoint_arguments(verb: argparse.ArgumentParser, temperature: float, tokens: int) -> None:
    verb.add_argument("--endpoint", required=True, metavar="URL", help="e.g. http://localhost:11434/v1 (Ollama)")
    verb.add_argument("--model", required=True, metavar="M")
    verb.add_argument("--key-variable", metavar="NAME", help="environment variable that holds the API key")
    verb.add_argument("--temperature", type=float, default=temperature, help=f"({temperature:g})")
    verb.add_argument("--max-tokens", type=positive, default=tokens, help=f"of an answer ({tokens})")
    verb.add_argument("--timeout", type=float, default=120.0, help="seconds of an answer (120)")
    verb.add_argument("--at-once", type=positive, default=4, help="requests (4)")
    verb.add_argument("--requests", type=positive, metavar="N", help="stop after so many new requests")


def endpoint_model(options: argparse.Namespace) -> Model:
    from calame.run.endpoint import Model

    return Model(
        options.endpoint,
        options.model,
        options.key_variable,
        options.temperature,
        options.max_tokens,
        options.timeout,
        options.at_once,
        options.requests,
    )
