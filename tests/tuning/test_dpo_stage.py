"""The stage dpo: from ln 2 to a model that prefers what was chosen; the reference untouched, a stop without loss."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, approx, fixture, raises

from calame.inference.load import load_any
from calame.recipe.errors import UserError
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.run.files import read_json
from calame.tuning import dpo
from calame.tuning.dpo import prefer
from tuned import losses, recipe, stages_before, stop_once


@fixture(scope="module")
def before(tmp_path_factory: Any) -> dict[str, Path]:
    return stages_before(tmp_path_factory.mktemp("before"))


def pairs(folder: Path, number: int = 70) -> str:
    rows = [
        {"prompt": f"Où est {k} ?", "chosen": f"Dans la mer {k}.", "rejected": f"Sous le soleil {k}."}
        for k in range(number)
    ]
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


def wanted(path: str, **keys: Any) -> Recipe:
    section = {
        "pairs": {"p": {"from": path}},
        "optimizer": {"learning_rate": 6e-3},
        "context": 64,
        "batch": 512,
        **keys,
    }
    return recipe({}, dpo=section)


def run(of: Recipe, before: dict[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    prefer(of, before, before["start"], folder, folder.parent / "run", None)


def last(folder: Path, key: str) -> float:
    return [line[key] for line in telemetry.read(folder) if key in line][-1]


def test_it_goes_from_ln_2_to_preferring_what_was_chosen(
    before: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    frozen: list[Any] = []
    make = dpo._frozen

    def keep(*what: Any) -> Any:
        frozen.append(make(*what))
        return frozen[-1]

    monkeypatch.setattr(dpo, "_frozen", keep)
    run(wanted(pairs(tmp_path), epochs=5), before, tmp_path / "dpo")
    found = losses(tmp_path / "dpo")
    assert found[1] == approx(math.log(2), abs=1e-6)
    assert found[max(found)] < 0.2
    assert last(tmp_path / "dpo", "held_out/accuracy") > 0.9
    assert last(tmp_path / "dpo", "held_out/margin") > 1
    assert last(tmp_path / "dpo", "held_out/kl") > 0
    given = checkpoint.load(before["start"])[0]["model"]
    reference = frozen[0].model.state_dict()
    assert all(torch.equal(reference[name], given[name]) for name in given), "bit for bit what it was"
    ledger = read_json(tmp_path / "dpo" / "preferences.json")["p"]
    assert (ledger["read"], ledger["used"], ledger["dropped"]) == (70, 70, {})
    loaded = load_any(str(tmp_path / "dpo"), device="cpu")
    assert loaded.tuned


def test_the_signs_of_a_step_are_told(before: dict[str, Path], tmp_path: Path) -> None:
    run(wanted(pairs(tmp_path)), before, tmp_path / "dpo")
    lines = [line for line in telemetry.read(tmp_path / "dpo") if "dpo/loss" in line]
    assert len(lines) == max(losses(tmp_path / "dpo"))
    for line in lines:
        assert line["dpo/loss"] == approx(line["train/loss"], abs=1e-5)
        assert 0 <= line["dpo/accuracy"] <= 1
        assert line["dpo/chosen_logp"] < 0 > line["dpo/rejected_logp"]
    first = lines[0]
    assert first["dpo/margin"] == 0 and first["dpo/accuracy"] == 0, "no better than the reference, which it is"


def test_simpo_needs_no_reference(before: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(dpo, "_frozen", lambda *what: 1 / 0)
    run(wanted(pairs(tmp_path), loss="simpo", epochs=4), before, tmp_path / "dpo")
    found = losses(tmp_path / "dpo")
    assert found[max(found)] < found[1] / 2
    assert last(tmp_path / "dpo", "held_out/accuracy") > 0.9
    assert not any("held_out/kl" in line for line in telemetry.read(tmp_path / "dpo"))


def test_a_prompt_is_learnt_or_held_out_and_always_the_same_way(before: dict[str, Path], tmp_path: Path) -> None:
    of, tokenizer = wanted(pairs(tmp_path), held_out=0.3), load_any(str(before["start"]), device="cpu").tokenizer
    rows = [json.loads(line) for line in Path(pairs(tmp_path)).read_text(encoding="utf-8").splitlines()]
    double = [*rows, *({**row, "chosen": row["chosen"] + "."} for row in rows)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in double))
    learnt, held_out = dpo.split(dpo.gather_pairs(of, tokenizer, tmp_path), of)

    def prompts(groups: list[Any]) -> set[str]:
        return {tokenizer.decode(group[0].tokens.tolist()).split("assistant")[0] for group in groups}

    assert len(learnt) + len(held_out) == 140
    assert not prompts(learnt) & prompts(held_out) and 8 < len(prompts(held_out)) < 35
    again = dpo.split(dpo.gather_pairs(of, tokenizer, tmp_path), of)
    assert [g[0].tokens.tolist() for g in again[1]] == [g[0].tokens.tolist() for g in held_out]


def test_too_few_pairs_to_measure_with_are_refused(before: dict[str, Path], tmp_path: Path) -> None:
    with raises(UserError, match=r"dpo\.held_out: of 1 pairs"):
        run(wanted(pairs(tmp_path, 1)), before, tmp_path / "dpo")
    path = tmp_path / "odd.jsonl"
    path.write_text(json.dumps({"prompt": "a", "chosen": "b", "rejected": "b"}))
    with raises(UserError, match=r"dpo\.pairs\.p: no pair in it can be used: both answers are the same \(1\)"):
        run(wanted(str(path)), before, tmp_path / "other")


def test_stopped_and_gone_on_it_is_the_same_tuning(
    before: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    of = wanted(pairs(tmp_path), epochs=2)
    run(of, before, tmp_path / "whole" / "dpo")

    stop_once(monkeypatch, 7, lambda: run(of, before, tmp_path / "stopped" / "dpo"))
    run(of, before, tmp_path / "stopped" / "dpo")
    whole, stopped = (
        {
            line["step"]: {k: v for k, v in line.items() if k.startswith(("train/l", "dpo/", "held_out/"))}
            for line in lines
        }
        for lines in (telemetry.read(tmp_path / name / "dpo") for name in ("whole", "stopped"))
    )
    assert len(whole) > 8 and whole == stopped
    weights = [checkpoint.newest_valid(tmp_path / name / "dpo" / "checkpoints") for name in ("whole", "stopped")]
    one, other = (checkpoint.load(folder)[0]["model"] for folder in weights if folder is not None)
    assert all(torch.equal(one[name], other[name]) for name in one)
