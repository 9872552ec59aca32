"""The verbs that choose: among settings of the sampler, among checkpoints, between texts. Parse, call, print."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from calame.cli_arguments import endpoint_arguments, endpoint_model, model_arguments, place_arguments, positive

KNOBS = ("temperature", "top-k", "top-p", "min-p", "repetition-penalty", "no-repeat-ngram")


def add_search_decoding(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("search-decoding", help="find the settings of the sampler that suit a model")
    model_arguments(verb)
    verb.add_argument(
        "--search", default="random", choices=("random", "grid"), help="drawn from the grid, or all of it"
    )
    verb.add_argument("--settings", type=positive, default=24, metavar="N", help="random: how many are drawn (24)")
    for knob in KNOBS:
        verb.add_argument(f"--{knob}", metavar="VALUES", help="values that are combined, with commas between")
    verb.add_argument("--weight", action="append", default=[], metavar="NAME=N", help="of a rate in the score; 0: none")
    verb.add_argument("--prompts", metavar="FILE", help="YAML of your own (default: those shipped)")
    verb.add_argument("--number", type=positive, default=200, metavar="N", help="prompts of a language, at most (200)")
    verb.add_argument("--languages", metavar="fr,it", help="of the prompts (default: the run's)")
    verb.add_argument("--limit", type=positive, default=64, metavar="N", help="most new tokens (64)")
    verb.add_argument("--chat", action="store_true", help="prompts are messages, to be answered")
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--to", metavar="FOLDER", help="(default: decoding in the run's folder)")

    def call(options: argparse.Namespace) -> None:
        from calame.evaluation.decoding.verb import Asked, search_decoding

        asked = Asked(**{name: getattr(options, name) for name in Asked.__dataclass_fields__})
        values = {knob.replace("-", "_"): getattr(options, knob.replace("-", "_")) for knob in KNOBS}
        print("\n".join(search_decoding(asked, values)))

    verb.set_defaults(call=call)


def add_compare(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("compare", help="rank checkpoints by declared criteria, and say why")
    verb.add_argument("what", nargs="+", metavar="RUN[/STEP]", help="all checkpoints of a run, or one of them")
    verb.add_argument(
        "--criteria",
        default="balanced",
        metavar="WHAT",
        help="balanced, loss, behaviour; a YAML file; or names with commas between (balanced)",
    )
    place_arguments(verb)
    verb.add_argument("--to", metavar="FOLDER", help="(default: comparison in the first run's folder)")

    def call(options: argparse.Namespace) -> None:
        from calame.evaluation.compare.verb import compare

        to = Path(options.to) if options.to else None
        print("\n".join(compare(options.what, options.criteria, options.runs, options.device, to)))

    verb.set_defaults(call=call)


def add_judge(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("judge", help="have a language model judge generations: in pairs, or by marks")
    verb.add_argument("what", nargs="+", metavar="TEXTS", help="one or two: .jsonl files of generations, or models")
    verb.add_argument("--by", choices=("pairs", "marks"), help="(default: pairs of two, marks of one)")
    verb.add_argument("--to", required=True, type=Path, metavar="FOLDER")
    verb.add_argument("--rubric", type=Path, metavar="FILE", help="YAML of your own (default: those shipped)")
    verb.add_argument("--language", metavar="fr", help="of texts that name none")
    verb.add_argument("--limit", type=positive, metavar="N", help="prompts that are judged (default: all)")
    verb.add_argument("--people", type=Path, metavar="FILE", help="labels that people gave, to be held against")
    verb.add_argument("--second-model", metavar="M", help="a second judge")
    verb.add_argument("--second-endpoint", metavar="URL", help="where it is (default: --endpoint)")
    verb.add_argument("--second-key-variable", metavar="NAME", help="(default: --key-variable)")
    verb.add_argument(
        "--prompts", type=Path, metavar="FILE", help="models: what they continue (default: those shipped)"
    )
    verb.add_argument("--new-tokens", type=positive, default=128, metavar="N", help="models: of a text, at most (128)")
    verb.add_argument("--base", action="store_true", help="models: the pretrained one, not the tuned one")
    place_arguments(verb)
    endpoint_arguments(verb, temperature=0.0, tokens=512)

    def call(options: argparse.Namespace) -> None:
        from calame.evaluation.judge.verb import Asked, judge_texts

        judges = [endpoint_model(options)]
        if options.second_model:
            second = replace(judges[0], name=options.second_model)
            second = replace(second, url=options.second_endpoint or second.url)
            judges.append(replace(second, key_variable=options.second_key_variable or second.key_variable))
        asked = Asked(**{name: getattr(options, name) for name in Asked.__dataclass_fields__})
        print("\n".join(judge_texts(asked, judges)))

    verb.set_defaults(call=call)
