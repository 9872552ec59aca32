"""On a CUDA device, compiled: preferences begin at ln 2, adapters learn, and both are read back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
from pytest import approx, fixture, mark

from calame.inference.load import load_any
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.tuning.dpo import prefer
from calame.tuning.sft import tune
from tuned import losses, recipe, stages_before

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
WIDE = {
    "model__hidden_size": 256,
    "model__num_attention_heads": 4,
    "model__num_key_value_heads": 2,
    "model__intermediate_size": 512,
}


@fixture(scope="module")
def before(tmp_path_factory: Any) -> dict[str, Path]:
    return stages_before(tmp_path_factory.mktemp("before"), **WIDE)


def wanted(sft: dict[str, Any], precision: str = "auto", **changes: Any) -> Recipe:
    return recipe(
        sft, **WIDE, pretrain__precision=precision, execution__device="cuda", execution__compile="on", **changes
    )


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


@mark.parametrize("precision", ("bf16", "fp32"))
def test_preferences_begin_at_ln_2_and_are_learnt(precision: str, before: dict[str, Path], tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Où est {k} ?", "chosen": f"Dans la mer {k}.", "rejected": f"Sous le soleil {k}."}
        for k in range(120)
    ]
    keys = {"pairs": {"p": {"from": write(tmp_path / "pairs.jsonl", rows)}}, "context": 64, "batch": 512, "epochs": 6}
    of = wanted({}, precision, dpo={**keys, "optimizer": {"learning_rate": 1e-3}})
    (tmp_path / "dpo").mkdir()
    prefer(of, before, before["start"], tmp_path / "dpo", tmp_path / "run", None)
    found = losses(tmp_path / "dpo")
    assert found[1] == approx(math.log(2), abs=1e-6), "the two models are compiled alike"
    assert found[max(found)] < 0.3
    held_out = [line for line in telemetry.read(tmp_path / "dpo") if "held_out/accuracy" in line][-1]
    assert held_out["held_out/accuracy"] > 0.9 and held_out["held_out/kl"] > 0


def test_adapters_learn_compiled_and_are_merged(before: dict[str, Path], tmp_path: Path) -> None:
    rows = [{"question": f"Où est {k} ?", "answer": f"Dans la mer {k}."} for k in range(60)]
    sets = {"c": {"from": write(tmp_path / "talks.jsonl", rows)}}
    keys = {"conversations": sets, "epochs": 6, "lora": {"rank": 8}, "optimizer": {"learning_rate": 1e-2}}
    (tmp_path / "sft").mkdir()
    tune(wanted(keys), before, before["start"], tmp_path / "sft", tmp_path / "run", None)
    found = losses(tmp_path / "sft")
    assert found[max(found)] < found[1] - 0.5
    whole = checkpoint.newest_valid(tmp_path / "sft" / "checkpoints")
    assert whole is not None
    given = checkpoint.load(before["start"])[0]["model"]
    assert checkpoint.load(whole)[0]["model"].keys() == given.keys()
    assert load_any(str(tmp_path / "sft"), device="cuda").tuned
