"""The verb of the server: parse, call one function, print."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from calame.cli_arguments import count, knob_arguments, model_arguments, positive

if TYPE_CHECKING:
    from calame.inference.load import Loaded
    from calame.inference.server.settings import Settings

KEY = "CALAME_API_KEY"
USUAL = {"temperature": 0.3, "top_k": 50, "top_p": 0.95, "min_p": 0.0, "repetition_penalty": 1.0, "no_repeat_ngram": 0}


def add_serve(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("serve", help="a server of OpenAI's interface, with a page to talk on")
    model_arguments(verb)
    verb.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine alone)")
    verb.add_argument("--port", type=count, default=8000, help="(8000); 0: one that is free")
    verb.add_argument("--name", help="what clients call the model (default: its folder's name)")
    verb.add_argument("--key-variable", metavar="NAME", default=KEY, help=f"environment variable of the key ({KEY})")
    verb.add_argument("--without-key", action="store_true", help="let whoever reaches it ask, from other machines too")
    verb.add_argument("--slots", type=positive, default=32, help="answers side by side (32)")
    verb.add_argument("--waiting", type=count, default=256, help="requests that may wait for one to end (256)")
    verb.add_argument("--context", type=positive, metavar="N", help="tokens of prompt and answer (the model's)")
    verb.add_argument("--limit", type=positive, metavar="N", help="tokens of an answer (what the context leaves)")
    verb.add_argument("--max-seconds", type=positive, default=300, help="of an answer, its waiting included (300)")
    verb.add_argument("--max-body", type=positive, default=1_000_000, help="bytes of a request (1000000)")
    verb.add_argument("--draft", metavar="MODEL", help="a smaller model of the same tokenizer that guesses ahead")
    knob_arguments(verb, USUAL["temperature"])
    verb.set_defaults(**dict.fromkeys(USUAL))  # to tell what was given from what was not

    def call(options: argparse.Namespace) -> int:
        from calame.inference.server import check_packages

        check_packages()
        from calame.inference.load import load_any
        from calame.inference.server.serve import serve

        loaded = load_any(options.model, options.runs, options.device, options.base)
        draft = load_any(options.draft, options.runs, options.device) if options.draft else None
        return serve(loaded, _settings(options, loaded), draft)

    verb.set_defaults(call=call)


def _settings(options: argparse.Namespace, loaded: Loaded) -> Settings:
    """How one samples: as told; else as a decoding search recommends for these weights; else as `calame chat`."""
    from calame.evaluation.decoding.recommended import recommended_of
    from calame.inference.load import run_folder
    from calame.inference.sampling import Sampling
    from calame.inference.server.settings import Settings

    folder = run_folder(options.model, options.runs)
    recommended = recommended_of(loaded, folder, options.base)
    given = {name: getattr(options, name) for name in USUAL if getattr(options, name) is not None}
    knobs = {**USUAL, **(recommended.parameters.model_dump() if recommended else {}), **given}
    room = min(options.context or 10**9, loaded.model.config.max_position_embeddings)
    return Settings(
        options.name or folder.resolve().name,
        Sampling(**knobs, limit=min(options.limit or room, room)),
        options.host,
        options.port,
        os.environ.get(options.key_variable) or None,
        options.without_key,
        options.slots,
        options.waiting,
        options.context,
        options.max_seconds,
        options.max_body,
    )
