"""The choices on the road, end to end on a toy run with three checkpoints: select compares, compare ranks across runs,
a decoding search recommends, the release takes it, the report tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch, fixture, mark, raises

from calame.cli import main
from calame.evaluation.compare import files
from calame.evaluation.compare.candidates import find_candidates
from calame.evaluation.compare.files import Behind, Checkpoint, Chosen, Comparison, Metrics, Score, Scores, Summary
from calame.evaluation.records import describe, read_record
from calame.recipe.errors import UserError
from calame.run.files import read_json
from support import Toy, write_lines

CRITERIA = "val/mixed/bpb,behaviour/loop_rate,probe/reciprocal_rank"
SMALL = {
    "pretrain__context": 128,
    "sft": None,
    "execution__save_every": 2048,
    "evaluation__questions": None,
    "evaluation__behaviour": {"number": 6, "limit": 12},
    "evaluation__probes": {"number": 10, "said": 0},
    "evaluation__folder": "tasks",
    "evaluation__tasks": ["pairs"],
}


def write_tasks(folder: Path) -> None:
    """Minimal pairs, and sentences to be accepted or not."""
    folder.mkdir()
    write_lines(folder / "pairs.jsonl", [{"good": f"Ba ré lo {n}.", "bad": f"Lo {n} ré xq."} for n in range(12)])
    write_lines(folder / "sentences.jsonl", [{"sentence": f"Ba {n} lo.", "label": n % 2} for n in range(12)])
    shapes = {"pairs": "minimal_pairs", "sentences": "acceptability"}
    entries = [{"file": f"{name}.jsonl", "type": shape, "lang": "fr", "name": name} for name, shape in shapes.items()]
    (folder / "MANIFEST.json").write_text(json.dumps({"files": entries}))


@fixture(scope="module")
def place(tmp_path_factory: Any) -> Path:
    """A folder with the run `toy`, which selected by comparison, and the run `other`, of another seed and the same
    text, which selected its last checkpoint."""
    folder = tmp_path_factory.mktemp("choice")
    with MonkeyPatch.context() as patch:
        patch.chdir(folder)
        toy = Toy(folder)
        write_tasks(folder / "tasks")
        toy.recipe(**SMALL, select=f"compare:{CRITERIA}")
        assert main(["run", "toy.yaml"]) == 0
        assert main(["run", "toy.yaml", "name=other", "seed=9", "select=last", "--to", "select"]) == 0
        assert main(["run", "toy.yaml", "name=words", "tokenizer.vocabulary=300", "select=last", "--to", "select"]) == 0
    return folder


@fixture(autouse=True)
def there(place: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_select_compares_and_writes_down_why(place: Path) -> None:
    selected = read_json(place / "runs/toy/selected.json")
    folder = (place / "runs/toy/selected.json").resolve().parent
    comparison = read_record(folder / files.COMPARISON, Comparison)
    assert selected["rule"] == f"compare:{CRITERIA}"
    assert selected["step"] in (4, 8, 12) and comparison.chosen == f"toy/{selected['step']}"
    assert selected["rationale"] == " ".join(comparison.words)
    assert [one.step for one in comparison.checkpoints] == [4, 8, 12]
    assert comparison.words[0].startswith(f"toy/{selected['step']} is chosen out of 3 checkpoints")


def test_the_chosen_one_has_the_lowest_loss_of_a_run_that_learns(place: Path) -> None:
    folder = (place / "runs/toy/selected.json").resolve().parent
    comparison = read_record(folder / files.COMPARISON, Comparison)
    losses = {name: numbers["val/mixed/bpb"].value for name, numbers in comparison.numbers.items()}
    assert losses["toy/4"] > losses["toy/8"] > losses["toy/12"]
    first = comparison.behind["toy/4"]["val/mixed/bpb"]
    assert first.best == "toy/12" and first.told and first.behind.low > 0
    assert comparison.scalar_best == comparison.best_by["val"] == "toy/12"


def test_what_select_chose_by_is_part_of_its_fingerprint(capsys: Any) -> None:
    def state(*changes: str) -> str:
        assert main(["status", "toy.yaml", *changes]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("select"))

    assert "fresh" in state()
    assert "to do" in state("select=compare:loss")
    assert "to do" in state("evaluation.behaviour.limit=13")
    assert "fresh" in state("evaluation.require={recall: 0.5}"), "not what it chooses by"


def compare(*arguments: str, to: str = "out") -> Comparison:
    assert main(["compare", *arguments, "--to", to]) == 0
    return read_record(Path(to) / files.COMPARISON, Comparison)


def test_checkpoints_of_several_runs_are_ranked_with_intervals(capsys: Any) -> None:
    comparison = compare("toy/8", "toy/step-00000012", "other", "--criteria", CRITERIA)
    assert {one.name for one in comparison.checkpoints} == {"toy/8", "toy/12", "other/4", "other/8", "other/12"}
    assert sorted(comparison.ranking) == sorted(one.name for one in comparison.checkpoints)
    for numbers in comparison.numbers.values():
        assert all(number.low <= number.value <= number.high for number in numbers.values())
    said = capsys.readouterr().out
    assert "val/mixed/bpb: lower is better, a difference of 0.01 matters" in said
    assert f"{comparison.chosen} is chosen out of 5 checkpoints" in said


def test_every_file_has_the_shape_that_is_documented() -> None:
    comparison = compare("toy", "--criteria", CRITERIA)
    metrics = read_record(Path("out") / files.METRICS, Metrics).checkpoints[comparison.chosen]
    for name in (
        "val/fr-contes/bpb",
        "val/it-fiabe/loss",
        "behaviour/loop_rate",
        "behaviour/loop_rate/it",
        "probe/nats/fr",
    ):
        assert name in metrics
    scores = read_record(Path("out") / files.SCORES, Scores).scores
    assert [score.rank for score in scores.values()] == [1, 2, 3] and list(scores) == comparison.ranking
    summary = read_record(Path("out") / files.SUMMARY, Summary)
    assert summary.checkpoint.name == comparison.chosen and summary.metrics == metrics and summary.among == 3
    report = (Path("out") / files.REPORT).read_text()
    assert f"# {comparison.chosen} is chosen" in report and "## Over the steps" in report
    assert all(word in report for word in comparison.words)
    assert (Path("out") / files.NOTE).read_text().startswith("## Why this checkpoint")
    page = (Path(__file__).parents[2] / "docs" / "evaluation-selection.md").read_text()
    kinds = (Comparison, Chosen, Checkpoint, Behind, Metrics, Scores, Score, Summary)
    assert all(line in page for kind in kinds for line in describe(kind))


def test_the_numbers_of_val_are_those_of_the_evaluation() -> None:
    comparison = compare("toy/12", "toy/8", "--criteria", "val/mixed/bpb,val/fr-contes/loss,val/micro/bpb")
    chosen = read_json(Path("runs/toy/selected.json"))["step"]
    found = read_json(Path("runs/toy/evaluation/evaluation.json"))["losses"]["pretrained"]
    ours = comparison.numbers[f"toy/{chosen}"]
    assert abs(ours["val/mixed/bpb"].value - found["mixed"]["bpb"]["value"]) < 1e-4
    assert abs(ours["val/micro/bpb"].value - found["micro"]["bpb"]["value"]) < 1e-4
    assert abs(ours["val/fr-contes/loss"].value - found["slices"]["fr-contes"]["loss"]["value"]) < 1e-4


def test_what_was_measured_is_not_measured_again(monkeypatch: MonkeyPatch) -> None:
    from calame.evaluation.compare import measure

    compare("toy", "--criteria", CRITERIA, to="again")
    loaded: list[Path] = []
    load = measure.load_checkpoint
    monkeypatch.setattr(measure, "load_checkpoint", lambda path, device: loaded.append(path) or load(path, device))
    compare("toy", "--criteria", "behaviour/loop_rate,val/mixed/bpb", to="again")
    assert not loaded
    compare("toy", "other/4", "--criteria", CRITERIA, to="again")
    assert [path.name for path in loaded] == ["step-00000004"]


def test_a_run_that_is_named_by_its_folder_keeps_its_comparison(
    place: Path, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(place / "runs/toy"), "--criteria", "val/mixed/bpb"]) == 0
    assert read_record(place / "runs/toy/comparison" / files.COMPARISON, Comparison).chosen.startswith("toy/")
    assert not (tmp_path / "runs").exists()


def test_benchmarks_are_compared_item_by_item(capsys: Any) -> None:
    comparison = compare("toy", "--criteria", "eval/pairs,val/mixed/bpb", to="tasks-out")
    for numbers in comparison.numbers.values():
        assert numbers["eval/pairs"].n == 12 and 0 <= numbers["eval/pairs"].value <= 1
    metrics = read_record(Path("tasks-out") / files.METRICS, Metrics).checkpoints["toy/12"]
    assert metrics["eval/pairs"] == comparison.numbers["toy/12"]["eval/pairs"]
    capsys.readouterr()
    assert main(["compare", "toy", "--criteria", "eval/offline", "--to", "out4"]) == 2
    assert "is no number an item" in capsys.readouterr().err, "one of them is a correlation"


def test_other_tokenizers_are_compared_in_bits_per_byte_only(capsys: Any) -> None:
    comparison = compare("toy/12", "words/12", "--criteria", "val/mixed/bpb")
    assert len({one.tokenizer for one in comparison.checkpoints}) == 2
    assert (
        main(["compare", "toy/12", "words/12", "--criteria", "val/mixed/bpb,val/mixed/loss,behaviour/loop_rate"]) == 2
    )
    said = capsys.readouterr().err
    assert "val/mixed/loss, behaviour/loop_rate: the tokenizers of toy, words differ" in said


def test_other_validation_text_is_refused_with_the_reason(capsys: Any) -> None:
    changes = ["name=text", "corpus.validation.share=20%", "select=last", "--to", "select"]
    assert main(["run", "toy.yaml", *changes]) == 0
    capsys.readouterr()
    assert main(["compare", "toy/12", "text/12", "--criteria", "val/mixed/bpb"]) == 2
    assert "their validation text differs" in capsys.readouterr().err


@mark.parametrize(
    ("arguments", "words"),
    (
        (["nowhere"], "nowhere: is no run"),
        (["toy/5", "nowhere/3"], "toy/5: has no step 5\n  allowed: 4, 8, 12"),
        (["toy", "--criteria", "val/de-x/bpb"], "there is no de-x; there are fr-contes, it-fiabe"),
        (["toy", "--criteria", "behaviour/loop_rate/de"], "there is no de; there are fr, it"),
        (["toy", "--criteria", "all"], "'all'"),
    ),
)
def test_what_cannot_be_compared_is_a_message_and_2(capsys: Any, arguments: list[str], words: str) -> None:
    assert main(["compare", *arguments, "--to", "out3"]) == 2
    assert words in capsys.readouterr().err


def test_a_recipe_that_selects_by_what_is_none_is_refused_at_once(capsys: Any) -> None:
    for rule, words in (("compare:everything", "'everything'"), ("compare:val/mixed/x", "nothing is called")):
        assert main(["status", "toy.yaml", f"select={rule}"]) == 2
        assert words in capsys.readouterr().err


def test_a_search_is_recommended_to_the_release_and_told_in_the_report(capsys: Any) -> None:
    few = ["--settings", "2", "--number", "24", "--limit", "12"]
    assert main(["search-decoding", "toy", *few]) == 0
    assert "surprise is not weighed: the model's loss on validation text is not known" in capsys.readouterr().out
    recommended = read_json(Path("runs/toy/decoding/recommended_decoding_params.json"))
    assert main(["status", "toy.yaml"]) == 0
    assert "recommended_decoding_params.json is new" in capsys.readouterr().out
    assert main(["run", "toy.yaml"]) == 0
    config = json.loads(Path("runs/toy/release/huggingface/generation_config.json").read_text())
    assert config.items() >= recommended["transformers"].items()
    page = Path("runs/toy/report.html").read_text()
    assert "Why this checkpoint" in page and "Decoding" in page and recommended["name"] in page
    assert main(["export", "toy", "exported"]) == 0
    assert json.loads(Path("exported/generation_config.json").read_text()) == config
    assert main(["search-decoding", "toy", *few, "--base"]) == 0
    assert Path("runs/toy/decoding-base/recommended_decoding_params.json").is_file()


def test_a_checkpoint_named_twice_is_compared_once() -> None:
    found = find_candidates(["toy/12", "toy", "runs/toy/12", str(Path("runs/toy").absolute())], "runs")
    assert [one.step for one in found] == [12, 4, 8]


def test_a_damaged_checkpoint_is_not_compared(tmp_path: Path) -> None:
    with raises(UserError, match="is no run"):
        find_candidates([str(tmp_path)], "runs")
