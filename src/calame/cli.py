"""Verbs only: parse, call one function, print. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence

import calame
from calame.cli_arguments import model_arguments, refuse_given
from calame.cli_choice import add_compare, add_judge, add_search_decoding
from calame.cli_corpus import add_corpus
from calame.cli_evaluation import add_evaluate
from calame.cli_release import add_push, add_release
from calame.cli_serving import add_serve
from calame.cli_talk import add_chat, add_generate
from calame.cli_tuning import add_dpo, add_pairs, add_sft

EPILOG = "The longest road is short: calame run petit-monde, then calame chat petit-monde."


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 the result is not good enough, 2 a mistake that the user can mend, 130 interrupted,
    75 saved at SIGUSR1 or at execution.deadline, to be started again (EX_TEMPFAIL)."""
    options = _parse(arguments)
    if not hasattr(options, "call"):
        _parser().print_help()
        return 0
    return _guarded(lambda: options.call(options))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Overrides may stand anywhere, before the recipe too: argparse deals words out by their place alone."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(options, "overrides") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognised: {' '.join(rest)}")
    if hasattr(options, "overrides"):
        words = [options.recipe, *options.overrides, *rest]
        options.recipe = next((word for word in words if "=" not in word or word.endswith(".yaml")), words[0])
        words.remove(options.recipe)
        options.overrides = words
        if wrong := [word for word in words if "=" not in word]:
            parser.error(f"neither KEY=VALUE nor the recipe ({options.recipe}): {' '.join(wrong)}")
    return options


def _guarded(call: Callable[[], int | None]) -> int:
    from calame.recipe.errors import UserError

    try:
        return call() or 0
    except UserError as error:
        problems = error.problems
        head = f"{len(problems)} problems:\n" if len(problems) > 1 else ""
        print(f"error: {head}" + "\n".join(map(str, problems)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has had enough, as in: calame recipes --keys | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in the buffer goes nowhere
        return 0
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except Exception as error:
        # Known outcomes of heavy modules, matched by name so that those modules need not be imported to say --help.
        if type(error).__name__ in ("Shortfall", "GateFailed", "PeerLost"):
            print(f"error: {error}", file=sys.stderr)
            return 1
        if type(error).__name__ == "Interrupted":
            print(error, file=sys.stderr)
            return getattr(error, "code", 130)
        raise


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("calame", description=calame.__doc__, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"calame {calame.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for add in (
        _add_run,
        _add_new,
        _add_plan,
        _add_status,
        _add_recipes,
        add_corpus,
        _add_tokenizer,
        _add_trace,
        add_sft,
        add_pairs,
        add_dpo,
        add_generate,
        add_chat,
        add_serve,
        add_evaluate,
        add_search_decoding,
        add_compare,
        add_judge,
        _add_export,
        add_release,
        add_push,
        _add_report,
        _add_doctor,
    ):
        add(verbs)
    return parser


def _recipe_arguments(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("recipe", help="a YAML file, or a shipped recipe's name")
    verb.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. pretrain.tokens=2B")


def _add_run(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("run", help="walk a recipe's road, from raw text to a model that answers")
    _recipe_arguments(verb)
    verb.add_argument("--from", dest="first", metavar="STAGE", help="begin at this stage")
    verb.add_argument("--to", dest="last", metavar="STAGE", help="end at this stage")
    verb.add_argument("--only", metavar="STAGE", help="this stage alone (corpus and shards mean all their sources)")
    verb.add_argument("--force", action="store_true", help="make the chosen stages again, although they are fresh")
    verb.add_argument("--dry-run", action="store_true", help="say what would be done, and why")

    def call(options: argparse.Namespace) -> None:
        from calame.road.run import run
        from calame.road.walk import Choice

        choice = Choice(options.first, options.last, options.only, options.force)
        run(options.recipe, options.overrides, choice, options.dry_run)

    verb.set_defaults(call=call)


def _add_new(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("new", help="write a recipe for your own text")
    verb.add_argument("name")
    verb.add_argument(
        "--text", required=True, metavar="FOLDER", help="a file or folder of .txt, .md, .jsonl, .csv, .parquet"
    )
    verb.add_argument("--languages", default="fr", help="e.g. fr or fr,it (default: fr)")
    verb.add_argument("--gpu", help="the card you will train on, e.g. h200 (default: this machine)")
    verb.add_argument("--hours", type=float, help="time for pretraining (default: what the text is worth)")

    def call(options: argparse.Namespace) -> None:
        from calame.road.new import new

        languages = [code.strip() for code in options.languages.split(",")]
        new(options.name, options.text, languages, options.gpu, options.hours)

    verb.set_defaults(call=call)


def _add_plan(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("plan", help="what a recipe amounts to: parameters by term, tokens, FLOPs, memory")
    _recipe_arguments(verb)
    verb.add_argument("--parameters", action="store_true", help="the table of parameters alone")

    def call(options: argparse.Namespace) -> None:
        from calame.road.plan import plan

        print("\n".join(plan(options.recipe, options.overrides, options.parameters)))

    verb.set_defaults(call=call)


def _add_status(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("status", help="which stages are fresh, and why the others are not")
    _recipe_arguments(verb)

    def call(options: argparse.Namespace) -> None:
        from calame.road.run import status

        for name, state, reason in status(options.recipe, options.overrides):
            print(f"{name:<24} {state:<6} {reason}")

    verb.set_defaults(call=call)


def _add_recipes(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("recipes", help="the shipped recipes, or every key of a recipe")
    verb.add_argument("--keys", action="store_true", help="every key with its default and meaning")

    def call(options: argparse.Namespace) -> None:
        from calame.recipe.describe import describe_keys, describe_shipped

        print("\n".join(describe_keys() if options.keys else describe_shipped()))

    verb.set_defaults(call=call)


def _add_tokenizer(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("tokenizer", help="compare vocabularies on a recipe's corpus")
    verb.add_argument("what", choices=("compare",))
    _recipe_arguments(verb)
    verb.add_argument("--vocab", default="8k,16k,32k", help="sizes, e.g. 8k,16k,32k (k: 1,024)")

    def call(options: argparse.Namespace) -> None:
        from calame.road.tools import compare_tokenizers

        print("\n".join(compare_tokenizers(options.recipe, options.overrides, options.vocab.split(","))))

    verb.set_defaults(call=call)


def _add_trace(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("trace", help="which documents a training step read, decoded")
    verb.add_argument("step", type=int, help="the first step is 1")
    _recipe_arguments(verb)

    def call(options: argparse.Namespace) -> None:
        from calame.road.tools import trace_step

        for line in trace_step(options.recipe, options.overrides, options.step):
            print(line)

    verb.set_defaults(call=call)


def _add_export(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("export", help="write a Hugging Face folder, or GGUF files, through their gate")
    model_arguments(verb)
    verb.add_argument("folder", help="where to put it")
    verb.add_argument("--to", default="huggingface", choices=("huggingface", "gguf"))
    types = ("float32", "bfloat16")
    verb.add_argument("--dtype", choices=types, help="huggingface: of the weights (float32)")
    verb.add_argument("--type", metavar="TYPES", help="gguf: f16,q8_0,q4_k_m or some of them (q8_0)")
    verb.add_argument("--name", help="gguf: of the files (default: the model's folder)")
    verb.add_argument("--publisher", help="gguf: folder above them, as LM Studio wants it (calame)")

    def call(options: argparse.Namespace) -> None:
        from pathlib import Path

        from calame.evaluation.decoding.files import recommended_file
        from calame.evaluation.decoding.recommended import recommended_for
        from calame.inference.load import load_any, run_folder

        if options.to == "gguf":
            refuse_given(options, "not with --to gguf: --type says what is written", "dtype")
        else:
            refuse_given(options, "only with --to gguf", "type", "name", "publisher")
        loaded = load_any(options.model, options.runs, "cpu", options.base)
        run = run_folder(options.model, options.runs)
        recommended = recommended_for(loaded, recommended_file(run, options.base))
        if options.to == "huggingface":
            from calame.release.huggingface import export

            export(loaded, Path(options.folder), options.dtype or "float32", recommended)
        else:
            from calame.release.gguf.export import export_gguf

            name, types = options.name or run.resolve().name, (options.type or "q8_0").split(",")
            export_gguf(loaded, Path(options.folder), name, types, options.publisher or "calame", recommended)

    verb.set_defaults(call=call)


def _add_report(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("report", help="write a run's page again")
    _recipe_arguments(verb)

    def call(options: argparse.Namespace) -> None:
        from calame.road.tools import report

        print(report(options.recipe, options.overrides))

    verb.set_defaults(call=call)


def _add_doctor(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser(
        "doctor", help="examine a run's numerics; or, with --resume, check that a killed run loses nothing"
    )
    verb.add_argument("recipe", metavar="RUN", help="a run's name or folder; with --resume a recipe")
    verb.add_argument("overrides", nargs="*", metavar="a.b=c", help="with --resume: changes to the recipe")
    verb.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    verb.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))
    verb.add_argument("--resume", action="store_true", help="kill a small training of the recipe at random")
    verb.add_argument("--kills", type=int, default=20, help="with --resume: how often (20)")

    def call(options: argparse.Namespace) -> int:
        if options.resume:
            from calame.road.rehearse import rehearse_resume

            lines, same = rehearse_resume(options.recipe, options.overrides, options.kills)
            print("\n".join(lines))
            return 0 if same else 1
        if options.overrides:
            verb.error(f"{options.overrides[0]}: changes belong to a recipe: calame doctor --resume RECIPE a.b=c")
        from calame.road.doctor import examine

        findings = examine(options.recipe, options.runs, options.device)
        print("\n".join(map(str, findings)))
        return 0 if all(finding.good for finding in findings) else 1

    verb.set_defaults(call=call)


if __name__ == "__main__":
    sys.exit(main())
