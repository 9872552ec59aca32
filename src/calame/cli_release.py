"""The verbs of what is passed on: a folder with its card, its verification, the hub. Parse, call, print."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_release(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("release", help="the folder that is passed on: model, card, hashes; or verify one")
    verb.add_argument("recipe", metavar="RUN", help="a run's name or folder; with --verify the folder of a release")
    verb.add_argument("overrides", nargs="*", metavar="card.KEY=VALUE", help="e.g. card.hub=me/my-model")
    verb.add_argument("--verify", action="store_true", help="check a release: hashes, card, parity, sampled figures")
    verb.add_argument("--to", type=Path, metavar="FOLDER", help="(default: bundle in the run's folder)")
    verb.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")

    def call(options: argparse.Namespace) -> int:
        if options.verify:
            if options.overrides or options.to:
                verb.error("--verify takes the folder of a release and nothing else")
            from calame.release.verify import verify

            good = True
            for finding in verify(Path(options.recipe)):
                print(finding, flush=True)
                good = good and finding.good
            return 0 if good else 1
        from calame.inference.load import run_folder
        from calame.release.bundle import make_bundle

        print(make_bundle(run_folder(options.recipe, options.runs), options.overrides, options.to))
        return 0

    verb.set_defaults(call=call)


def add_push(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("push", help="upload a release to the Hugging Face hub")
    verb.add_argument("folder", type=Path, metavar="FOLDER", help="that calame release has made")
    verb.add_argument("name", nargs="?", metavar="OWNER/NAME", help="(default: card.hub, as its card says)")
    verb.add_argument("--public", action="store_true", help="a new repository is seen by everybody (default: private)")

    def call(options: argparse.Namespace) -> None:
        from calame.release.push import push

        print(push(options.folder, options.name, options.public))

    verb.set_defaults(call=call)
