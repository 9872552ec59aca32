"""The verb of the server: parse, call one function, print."""

from __future__ import annotations

import argparse
import os

from calame.cli_arguments import count, positive
from calame.cli_talk import asked_of, talk_arguments

KEY = "CALAME_API_KEY"


def add_serve(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("serve", help="a server of OpenAI's interface, with a page to talk on")
    talk_arguments(verb)
    verb.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine alone)")
    verb.add_argument("--port", type=count, default=8000, help="(8000); 0: one that is free")
    verb.add_argument("--name", help="what clients call the model (default: its folder's name)")
    verb.add_argument("--key-variable", metavar="NAME", default=KEY, help=f"environment variable of the key ({KEY})")
    verb.add_argument("--without-key", action="store_true", help="let whoever reaches it ask, from other machines too")
    verb.add_argument("--slots", type=positive, default=32, help="answers side by side (32)")
    verb.add_argument("--waiting", type=count, default=256, help="requests that may wait for one to end (256)")
    verb.add_argument("--context", type=positive, metavar="N", help="tokens of prompt and answer (the model's)")
    verb.add_argument("--max-seconds", type=positive, default=300, help="of an answer, its waiting included (300)")
    verb.add_argument("--max-body", type=positive, default=1_000_000, help="bytes of a request (1000000)")

    def call(options: argparse.Namespace) -> int:
        from calame.road.serve import serve_model

        ways = {
            "host": options.host,
            "port": options.port,
            "key": os.environ.get(options.key_variable) or None,
            "open": options.without_key,
            "slots": options.slots,
            "waiting": options.waiting,
            "context": options.context,
            "seconds": options.max_seconds,
            "body": options.max_body,
        }
        return serve_model(asked_of(options), options.name, ways)

    verb.set_defaults(call=call)
