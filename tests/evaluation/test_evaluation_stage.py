"""The stage evaluation: every measurement of every model, what cannot be made, and what an interruption leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest import fixture, mark, raises

from builders import corpus_of, decoder_of, recipe_of, rows_of, shards_of, texts, tokenizer_of
from calame.evaluation.evaluate import FILE, evaluate, table_lines
from calame.evaluation.measurement import CannotMeasure, Measurement, Setting, Subject
from calame.evaluation.measurements import MEASUREMENTS
from calame.recipe.errors import refuse
from calame.run import checkpoint
from calame.run.files import read_json, write_json
from calame.run.stage import PARTS


@fixture(scope="module")
def stages(tmp_path_factory: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shards")
    shards = shards_of(folder, corpus_of(folder, {"a": rows_of(texts(80))}, share=0.3), tokenizer_of())
    return {f"shards/{name}": path for name, path in shards.items()}


def trained(folder: Path, seed: int, tuned: bool) -> Path:
    model = decoder_of(seed)
    progress = {"step": 1, "position": 64}
    state = {"tokenizer": tokenizer_of().hash, "model": model.config.to_json(), "progress": progress}
    tokenizer_of().save(folder / "tokenizer")
    if tuned:
        write_json(folder / "conversations.json", {})
    return checkpoint.save(folder / "checkpoints", 1, {"model": model.state_dict()}, state)


def setting(folder: Path, stages: dict[str, Path], models: dict[str, Path], **evaluation: Any) -> Setting:
    recipe = recipe_of(evaluation=evaluation)
    (folder / "out").mkdir()
    return Setting(recipe.evaluation, ("fr",), models, stages, folder / "out", "cpu", recipe)


def test_both_models_are_measured_and_the_tuned_one_is_asked(stages: dict[str, Path], tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    rows = [{"question": f"où est {k} ?", "value": "mer", "kind": "known", "language": "fr"} for k in range(12)]
    questions.write_text("\n".join(map(json.dumps, rows)))
    models = {"pretrained": trained(tmp_path / "base", 1, False), "tuned": trained(tmp_path / "sft", 2, True)}
    asked = setting(tmp_path, stages, models, questions=str(questions), prompts=["Le", "L'été"])
    result = evaluate(asked, MEASUREMENTS)
    assert result == read_json(tmp_path / "out" / FILE)
    assert set(result["losses"]) == set(result["samples"]) == {"pretrained", "tuned"}
    assert set(result["losses"]["tuned"]["slices"]) == {"fr-a"}
    assert result["losses"]["tuned"] != result["losses"]["pretrained"]
    assert [sample["prompt"] for sample in result["samples"]["tuned"]] == ["Le", "L'été"]
    assert set(result["exam"]) == {"tuned"}
    assert result["exam"]["tuned"]["table"][0]["questions"] == 12
    assert [turn["value"] for turn in result["exam"]["tuned"]["chat"]] == ["mer"] * 3
    assert len((tmp_path / "out/exam/tuned/answers.jsonl").read_text().splitlines()) == 12
    assert result["not_measured"] == {"exam": {"pretrained": "it was never shown a conversation"}}
    assert result["models"] == {"pretrained": "step-00000001", "tuned": "step-00000001"}
    assert set(result["seconds"]["losses"]) == {"pretrained", "tuned"} and set(result["seconds"]["exam"]) == {"tuned"}
    said = "\n".join(table_lines(result, MEASUREMENTS))
    assert "fr-a" in said and "known" in said and "exam of pretrained: not measured" in said
    assert not (tmp_path / "out" / PARTS).exists()


def test_what_is_not_asked_for_leaves_nothing(stages: dict[str, Path], tmp_path: Path) -> None:
    models = {"pretrained": trained(tmp_path / "base", 1, False)}
    result = evaluate(setting(tmp_path, stages, models), MEASUREMENTS)
    assert "exam" not in result and "samples" not in result and result["not_measured"] == {}


def one(subject: Subject) -> dict[str, str]:
    (subject.folder / "said.txt").write_text(subject.name)
    return {"name": subject.name}


def none_there(subject: Subject) -> None:
    raise CannotMeasure("its data are not here")


def refused(subject: Subject) -> None:
    raise refuse("questions.jsonl:3", "no value")


def test_what_cannot_be_measured_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    models = {"pretrained": trained(tmp_path / "base", 1, False)}
    lots = (
        Measurement("none", "None", none_there),
        Measurement("bad", "Bad", refused),
        Measurement("one", "One", one),
        Measurement("all", "All", once=lambda setting, folder: sorted(setting.models)),
    )
    result = evaluate(setting(tmp_path, {}, models), lots)
    assert result["one"] == {"pretrained": {"name": "pretrained"}} and result["all"] == ["pretrained"]
    assert (tmp_path / "out/one/pretrained/said.txt").read_text() == "pretrained"
    assert result["not_measured"]["none"]["pretrained"] == "its data are not here"
    assert "questions.jsonl:3: no value" in result["not_measured"]["bad"]["pretrained"]


def test_of_a_model_whose_weights_are_no_numbers_nothing_is_said(stages: dict[str, Path], tmp_path: Path) -> None:
    path = trained(tmp_path / "base", 1, False)
    tensors, state = checkpoint.load(path)
    tensors["model"]["norm.weight"].fill_(float("nan"))
    checkpoint.save(tmp_path / "spoilt/checkpoints", 1, tensors, state)
    tokenizer_of().save(tmp_path / "spoilt/tokenizer")
    models = {"pretrained": tmp_path / "spoilt/checkpoints/step-00000001"}
    result = evaluate(setting(tmp_path, stages, models, prompts=["Le"]), MEASUREMENTS)
    reasons = result["not_measured"]
    assert set(reasons) == {"losses", "exam", "behaviour", "probes", "tasks", "samples"} and result["seconds"] == {}
    assert {reason for part in reasons.values() for reason in part.values()} == {"its weights are no numbers"}
    assert "nothing was measured" in table_lines(result, MEASUREMENTS)[0]


@mark.parametrize(("keys", "again"), (({}, 1), ({"prompts": ["Le"]}, 2)), ids=("same", "other keys"))
def test_what_was_finished_before_an_interruption_is_not_made_again(
    keys: dict[str, Any], again: int, tmp_path: Path
) -> None:
    models = {"pretrained": trained(tmp_path / "base", 1, False)}
    made: list[str] = []
    stop = True

    def first(subject: Subject) -> int:
        made.append("first")
        return len(made)

    def second(subject: Subject) -> int:
        (subject.folder / "half").touch()
        if stop:
            raise KeyboardInterrupt
        return 2

    lots = (Measurement("first", "First", first), Measurement("second", "Second", second))
    with raises(KeyboardInterrupt):
        evaluate(setting(tmp_path, {}, models), lots)
    assert not (tmp_path / "out" / FILE).exists()
    stop = False
    (tmp_path / "out").rename(tmp_path / "kept")
    settled = setting(tmp_path, {}, models, **keys)
    (tmp_path / "out").rmdir()
    (tmp_path / "kept").rename(tmp_path / "out")
    result = evaluate(settled, lots)
    assert len(made) == again
    assert result["first"] == {"pretrained": again} and result["second"] == {"pretrained": 2}
