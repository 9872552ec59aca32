"""lm-evaluation-harness: its own prompts and metrics through our model, and the numbers of its `hf` class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from lm_eval.api.instance import Instance

from builders import decoder_of, loaded_of, texts, tokenizer_of
from calame.evaluation.tasks.harness import task_manager
from calame.evaluation.tasks.harness_model import HarnessModel
from calame.evaluation.tasks.harness_names import groups_file, members, name_of
from calame.evaluation.tasks.measure import measure_tasks
from calame.evaluation.tasks.page import lines, page
from calame.inference.load import Loaded, load_huggingface
from calame.recipe.errors import UserError
from calame.recipe.evaluation import Evaluation
from calame.release.huggingface import export

OURS = Path(__file__).parent / "french_bench"  # rows of our own in each task's schema
TASKS = (
    *("arc_challenge", "boolqa", "fquadv2", "fquadv2_bool", "fquadv2_genq", "fquadv2_hasAns", "grammar", "hellaswag"),
    *("multifquad", "orangesum_abstract", "orangesum_title", "reading_comp", "topic_based_nli", "trivia", "vocab"),
    "xnli",
)
PERPLEXITY = ("opus_perplexity", "wikitext_fr")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: Any) -> tuple[Loaded, Any]:
    """A model as it is released, and the harness's `hf` class on it."""
    from lm_eval.models.huggingface import HFLM

    folder = tmp_path_factory.mktemp("exported") / "hf"
    export(loaded_of(decoder_of(3, max_position_embeddings=128), tokenizer_of(), tuned=False), folder, "float32")
    loaded = load_huggingface(folder, "cpu")
    return loaded, HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4, add_bos_token=True)


def asked_of(kind: Any, *arguments: tuple[Any, ...]) -> list[Instance]:
    return [Instance(kind, {}, one, n) for n, one in enumerate(arguments)]


@pytest.mark.slow
def test_log_likelihoods_are_those_of_the_hf_class_on_the_export(exported: tuple[Loaded, Any]) -> None:
    """With and without a context, shared ones, spaces on either side, one that is too long, twice the same."""
    loaded, theirs = exported
    lots = [
        (f"Question : {text}\nRéponse :", f" {other}")
        for text, other in zip(texts(12, 1, words=(3, 12)), texts(12, 2, words=(1, 6)), strict=True)
    ]
    lots += [("Le soleil et", f" {word}") for word in ("la lune", "mer", "l'été", "où")]
    lots += [("", "La mer chante."), ("la mer ", "bleue"), ("la mer", "bleue"), lots[0]]
    lots += [(" ".join(texts(8, 3)), " dans la forêt")]
    ours = HarnessModel(loaded)
    found = ours.loglikelihood(asked_of("loglikelihood", *lots))
    wanted = theirs.loglikelihood(asked_of("loglikelihood", *lots), disable_tqdm=True)
    assert [one[0] for one in found] == pytest.approx([one[0] for one in wanted], abs=1e-4)
    assert [one[1] for one in found] == [one[1] for one in wanted]
    assert ours.cut == 1


@pytest.mark.slow
def test_whole_texts_in_windows_are_those_of_the_hf_class(exported: tuple[Loaded, Any]) -> None:
    loaded, theirs = exported
    lots = [(text,) for text in (*texts(3, 4), " ".join(texts(9, 5)))]
    found = HarnessModel(loaded).loglikelihood_rolling(asked_of("loglikelihood_rolling", *lots))
    wanted = theirs.loglikelihood_rolling(asked_of("loglikelihood_rolling", *lots), disable_tqdm=True)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-3)


@pytest.mark.slow
def test_greedy_answers_are_those_of_the_hf_class(exported: tuple[Loaded, Any]) -> None:
    """The export's own generation_config.json takes precedence over the harness's limit: it is set aside."""
    loaded, theirs = exported
    way = {"until": ["\n", "."], "max_gen_toks": 24, "do_sample": False}
    lots = [(text, way) for text in texts(6, 6, words=(2, 20))]
    theirs.model.generation_config.max_new_tokens = None
    found = HarnessModel(loaded).generate_until(asked_of("generate_until", *lots))
    assert found == theirs.generate_until(asked_of("generate_until", *lots), disable_tqdm=True)


def test_a_way_of_generating_that_is_not_known_is_refused() -> None:
    model = HarnessModel(loaded_of(decoder_of()))
    with pytest.raises(UserError, match="num_beams: not known here"):
        model.generate_until(asked_of("generate_until", ("la mer", {"until": ["\n"], "num_beams": 4})))
    with pytest.raises(UserError, match="64 new tokens in a context of 64"):
        model.generate_until(asked_of("generate_until", ("la mer", {"until": ["\n"], "max_gen_toks": 64})))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: Any) -> tuple[dict[str, Any], Path]:
    """All of french_bench, three shots, by a model of random weights; hellaswag's data are not there."""
    folder, out = tmp_path_factory.mktemp("data") / "evals", tmp_path_factory.mktemp("out")
    shutil.copytree(OURS, folder)
    shutil.rmtree(folder / "manu/french_bench_hellaswag")
    (folder / "MANIFEST.yaml").write_text("files: []")
    loaded = loaded_of(decoder_of(max_position_embeddings=2048, spread=0.1))
    keys = Evaluation(tasks=["french_bench", "french_bench_perplexity"], folder=str(folder), shots=3)
    found = measure_tasks(loaded, keys, out)
    assert found is not None
    return found, out


@pytest.mark.slow
def test_every_task_of_french_bench_goes_through_its_own_prompt_and_metric(measured: Any) -> None:
    found, out = measured
    results = {result["name"]: result for result in found["results"]}
    assert set(results) == {f"french_bench_{name}" for name in (*TASKS, *PERPLEXITY)} - {"french_bench_hellaswag"}
    for name, result in results.items():
        figure = result["figures"][result["headline"]]
        assert result["items"] >= 5 and result["by"].startswith("lm-eval ")
        rows = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
        assert len(rows) == result["items"]
        if name.removeprefix("french_bench_") in PERPLEXITY:
            assert figure["value"] > 1
        else:
            assert result["shots"] == 3
            assert figure["chance"] is not None and 0 <= figure["value"] <= 1
            assert figure["stderr"] is not None and figure["low"] <= figure["value"] <= figure["high"]
    assert results["french_bench_xnli"]["figures"]["acc"]["chance"] == pytest.approx(1 / 3, abs=1e-5)
    assert results["french_bench_grammar"]["figures"]["acc"]["chance"] == 0.25


@pytest.mark.slow
def test_a_task_without_data_is_named_with_the_harness_own_error(measured: Any) -> None:
    (excluded,) = measured[0]["excluded"]
    assert excluded["name"] == "french_bench_hellaswag"
    assert "manu/french_bench_hellaswag" in excluded["reason"] and "Error" in excluded["reason"]


@pytest.mark.slow
def test_the_profile_and_its_plots_are_made_of_the_results(measured: Any) -> None:
    found, _ = measured
    categories = found["profiles"]["french_bench"]["categories"]
    assert list(categories) == ["linguistic competence", "reasoning (choices)", "generated answers"]
    values = {result["name"]: result["figures"][result["headline"]]["value"] for result in found["results"]}
    for category in categories.values():
        assert category["value"] == pytest.approx(
            sum(values[task] for task in category["tasks"]) / len(category["tasks"]), abs=1e-4
        )
    assert categories["reasoning (choices)"]["missing"] == ["french_bench_hellaswag"]
    shown = page({"tiny": found})
    assert shown.count("<svg") == 2 and "<polygon" in shown and "french_bench_hellaswag" in shown
    said = "\n".join(lines({"tiny": found}))
    assert "profile french_bench" in said and "excluded: french_bench_hellaswag" in said


@pytest.mark.slow
def test_three_shots_are_three_examples_and_none_of_them_is_the_item(measured: Any) -> None:
    """The prompt of the harness itself: its own function, our rows."""
    from calame.evaluation.tasks.harness import load_task, set_shots

    task, local = load_task(task_manager(), "french_bench_boolqa", OURS)
    set_shots(task, 3)
    assert local
    for document in task.eval_docs:
        prompt = task.fewshot_context(document, 3)
        assert prompt.count("Question:") == 4
        assert prompt.count(document["question"]) == 1


@pytest.mark.slow
def test_groups_stand_for_tasks_that_the_harness_has() -> None:
    manager = task_manager()
    assert {name_of(spec) for spec in members(manager, "french_bench") or []} == {f"french_bench_{t}" for t in TASKS}
    for name in groups_file()["groups"]:
        found = members(manager, name) or []
        assert found and all(name_of(spec) in manager.task_index or not isinstance(spec, str) for spec in found), name
    assert members(manager, "no_such_bench") is None
    for profile in groups_file()["profiles"].values():
        assert all(task in manager.task_index for tasks in profile.values() for task in tasks)


@pytest.mark.slow
def test_names_that_are_none_are_refused_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'french_bnch' is no task, group or tag") as refused:
        measure_tasks(loaded_of(decoder_of()), Evaluation(tasks=["french_bnch", "french_bench"]), tmp_path)
    assert "did you mean french_bench" in str(refused.value)
