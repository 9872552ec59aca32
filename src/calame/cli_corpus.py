"""The verb `corpus` and what stands below it: parse, call one function, print. One `_add_*` a sub-verb, in VERBS."""

from __future__ import annotations

import argparse
from pathlib import Path

from calame.cli_arguments import endpoint_arguments, endpoint_model, positive
from calame.corpus.quality.verbs import add_quality_verbs


def add_corpus(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser(
        "corpus", help="named sources, downloads, quality, labels, conversations, origins of tokens"
    )
    below = verb.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in VERBS:
        add(below)


def _add_sources(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("sources", help="the catalogue: a line each, or all that is known of one")
    verb.add_argument("name", nargs="?", metavar="NAME")
    verb.add_argument("--language", help="those that hold this language, e.g. fr, or code")
    verb.add_argument("--kind", choices=("text", "code", "parallel", "conversations", "preferences"))

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.catalogue_page import describe_entry, describe_sources

        lines = describe_entry(options.name) if options.name else describe_sources(options.language, options.kind)
        print("\n".join(lines))

    verb.set_defaults(call=call)


def _add_fetch(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("fetch", help="download a source of the catalogue; the same command goes on")
    verb.add_argument("name", metavar="NAME")
    verb.add_argument("--to", required=True, type=Path, metavar="FOLDER")
    verb.add_argument("--match", metavar="PATTERN", help="hub: only files like this one, e.g. 'data/fra_Latn/*'")
    verb.add_argument("--most", type=positive, metavar="N", help="at most N files (gallica: documents)")

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.fetch import fetch_source

        lines = fetch_source(options.name, options.to, options.match, options.most)
        print("In a recipe:\n\n" + "\n".join(lines))

    verb.set_defaults(call=call)


def _add_label(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("label", help="label documents low, medium or high by a language model with a rubric")
    verb.add_argument("recipe", metavar="FILE_OR_FOLDER", help="documents, as a source of a recipe reads them")
    verb.add_argument("overrides", nargs="*", metavar="source.KEY=VALUE", help="e.g. source.text=body")
    verb.add_argument("--to", required=True, type=Path, metavar="FILE", help="a .jsonl file to write")
    verb.add_argument("--rubric", type=Path, metavar="FILE", help="your own, with {text} in it (default: shipped ones)")
    verb.add_argument("--limit", type=positive, metavar="N", help="so many documents, taken evenly (default: all)")
    endpoint_arguments(verb, temperature=0.0, tokens=256)

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.label import label

        model = endpoint_model(options)
        print(label(options.recipe, options.to, model, options.rubric, options.limit, options.overrides))

    verb.set_defaults(call=call)


def _add_converse(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("converse", help="write conversations on weighted themes by a language model")
    verb.add_argument("what", metavar="RECIPE_OR_THEMES", help="a recipe (for its languages), or a file of themes")
    verb.add_argument("--to", required=True, type=Path, metavar="FILE", help="a .jsonl file to write, or to go on with")
    verb.add_argument("--count", required=True, type=positive, metavar="N", help="conversations in the end")
    verb.add_argument("--seed", type=int, default=1)
    endpoint_arguments(verb, temperature=0.9, tokens=4096)

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.converse import converse

        print(converse(options.what, options.to, endpoint_model(options), options.count, options.seed))

    verb.set_defaults(call=call)


def _add_trace(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("trace", help="which document a token of the training stream comes from")
    verb.add_argument("run", help="a run's name or folder")
    verb.add_argument("position", type=int, metavar="TOKEN_POSITION", help="the first token is 0")
    verb.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")

    def call(options: argparse.Namespace) -> None:
        from calame.road.trace import trace_token

        folder = Path(options.run) if Path(options.run).is_dir() else Path(options.runs) / options.run
        print("\n".join(trace_token(folder, options.position).lines()))

    verb.set_defaults(call=call)


VERBS = (_add_sources, _add_fetch, add_quality_verbs, _add_label, _add_converse, _add_trace)
