"""The verbs `calame corpus quality train` and `calame corpus quality report`: parse, call one function, print."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_quality_verbs(verbs: argparse._SubParsersAction) -> None:
    """Add `quality` to the verbs of `calame corpus`."""
    quality = verbs.add_parser("quality", help="train a classifier of quality, or see what each threshold keeps")
    parts = quality.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_train(parts)
    _add_report(parts)


def _add_train(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("train", help="learn from labelled documents: rows with text, language, label")
    verb.add_argument("files", nargs="+", help="label: low, medium, high, or 0, 1; group, if any, is not parted")
    verb.add_argument("--to", required=True, metavar="FOLDER", help="where the classifier goes; a new folder")
    verb.add_argument("--kind", required=True, choices=("linear", "neural"))
    verb.add_argument("--seed", type=int, default=0, help="of the split and the training (0)")
    verb.add_argument("--features", default="both", choices=("words", "characters", "both"), help="linear (both)")
    verb.add_argument("--model", default="", metavar="ID|FOLDER", help="neural: an encoder, e.g. xlm-roberta-base")
    verb.add_argument("--config", default="", metavar="FILE", help="neural, from scratch: JSON of its shape")
    verb.add_argument("--tokenizer", default="", metavar="FOLDER", help="neural, from scratch: holds tokenizer.json")
    verb.add_argument("--length", type=int, default=512, help="neural: tokens of a document that are read (512)")
    verb.add_argument("--epochs", type=int, default=3, help="neural (3)")
    verb.add_argument("--batch", type=int, default=32, help="neural: documents (32)")
    verb.add_argument("--learning-rate", type=float, default=0.0, help="neural (2e-5 with --model, 5e-4 from scratch)")
    verb.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.quality.labelled import Examples, read_labelled
        from calame.corpus.quality.linear import LinearScorer, train_linear
        from calame.corpus.quality.neural import NeuralScorer
        from calame.corpus.quality.neural_train import Plan, train_neural
        from calame.corpus.quality.train import train_classifier

        def train(examples: Examples) -> LinearScorer | NeuralScorer:
            if options.kind == "linear":
                return train_linear(examples, options.features, options.seed)
            return train_neural(examples, Plan(**{name: getattr(options, name) for name in Plan.__dataclass_fields__}))

        lines = train_classifier(read_labelled(options.files), train, Path(options.to), options.seed)
        print("\n".join(lines))

    verb.set_defaults(call=call)


def _add_report(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("report", help="what each threshold keeps, with texts just above and below")
    verb.add_argument("what", nargs="+", help="a run's name or folder, or files with text and language")
    verb.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    verb.add_argument(
        "--scorer", default="heuristic", metavar="heuristic|FOLDER", help="for files: what scores them (heuristic)"
    )
    verb.add_argument("--to", default="quality.html", metavar="FILE", help="the page (quality.html)")
    verb.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))

    def call(options: argparse.Namespace) -> None:
        from calame.corpus.quality.parts import parts_of
        from calame.corpus.quality.report import write_quality_report

        parts, scorer = parts_of(options.what, Path(options.runs), options.scorer, options.device)
        print("\n".join(write_quality_report(parts, scorer, Path(options.to))))

    verb.set_defaults(call=call)
