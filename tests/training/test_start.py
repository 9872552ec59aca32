"""Begin from another run's checkpoint: for each part, what is taken over is theirs and everything else is fresh."""

from __future__ import annotations

import pickle
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytest import fixture, mark, raises

from builders import RandomData, config_of, decoder_of, plan_of, trainer_of
from calame.model.decoder import Decoder
from calame.recipe.errors import UserError
from calame.recipe.modes import PARTS, PRESETS, parse_mode
from calame.recipe.schema import Load, Optimizer, Schedule
from calame.run import checkpoint, telemetry
from calame.shards.rows import Rows
from calame.training.batch import LossFunction
from calame.training.loop import Trainer
from calame.training.start import begin_from, find_checkpoint, find_place

OURS = plan_of(tokens=4 * 64, schedule=Schedule(warmup=64))
RECIPE = {"pretrain": {"optimizer": {"name": "adamw"}}}


class Watched(RandomData):
    """Notes the positions that are read."""

    def __init__(self, context: int = 16) -> None:
        super().__init__(context)
        self.read: list[int] = []

    def batch(self, position: int, tokens: int) -> Rows:
        self.read.append(position)
        return super().batch(position, tokens)


def identity(model: Decoder) -> dict[str, Any]:
    return {"tokenizer": "a", "model": model.config.to_json(), "recipe": RECIPE}


@fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """Eight steps with a schedule of their own, in a run's folder."""
    folder = tmp_path_factory.mktemp("source")
    model = decoder_of(1, spread=0.1)
    loss = LossFunction(model, trainer_of(folder).device, True, "dense", False)
    plan = plan_of(schedule=Schedule(warmup=128, horizon=2000))
    trainer_of(folder / "pretrain", plan, model=model, loss=loss, identity=identity(model)).run()
    return folder


def taking(folder: Path, source: Path, mode: Any, **changes: Any) -> Trainer:
    """A run of another seed about to begin from the source."""
    plan, data = changes.pop("plan", OURS), changes.pop("data", None) or Watched()
    model = decoder_of(7, spread=0.1, **changes)
    keys = Load.model_validate({"from": str(source), "mode": mode})
    loss = LossFunction(model, trainer_of(folder / "other").device, True, "dense", False)
    begin = partial(begin_from, keys=keys)
    return trainer_of(folder, plan, data, model=model, loss=loss, identity=identity(model), begin=begin)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def parts_of(mode: str) -> set[str]:
    return set(parse_mode(mode))


@mark.parametrize("mode", [*PRESETS, "weights", "weights+schedule", "weights+step", "weights+rng"])
def test_each_part_is_theirs_or_fresh(mode: str, source: Path, tmp_path: Path) -> None:
    theirs, state = checkpoint.load(find_checkpoint(str(source)))
    made = taking(tmp_path, source, mode)
    fresh, drawn = {k: v.clone() for k, v in made.model.state_dict().items()}, made.progress.warmup
    torch.manual_seed(made.plan.seed)
    random = torch.get_rng_state()
    assert made.begin is not None
    made.begin(made)
    parts = parts_of(mode)
    assert same(made.model.state_dict(), theirs["model"]) and not same(fresh, theirs["model"])
    assert same(made.optimizer.tensors(made.model), theirs["optimizer"] if "optimizer" in parts else {})
    assert torch.equal(torch.get_rng_state(), theirs["random"]["cpu"] if "rng" in parts else random)
    now, before = made.progress, state["progress"]
    assert (now.step, now.position) == ((8, 512) if "step" in parts else (0, 0))
    assert now.position + made.origin.data == (512 if "data" in parts else 0)
    assert now.position + made.origin.schedule == (512 if "schedule" in parts else 0)
    schedule = (before["warmup"], before["horizon"]) if "schedule" in parts else (drawn, OURS.tokens)
    assert (now.warmup, now.horizon) == schedule
    on_top = "step" in parts and "schedule" not in parts
    assert made.end == OURS.tokens + (512 if on_top else 0)


def test_presets_are_what_was_published() -> None:
    assert parts_of("continue") == parts_of("resume") == set(PARTS) - {"init_head"}
    assert parts_of("cooldown+init_head") == {"weights", "data", "optimizer", "step", "init_head"}
    assert parts_of("transfer") == {"weights", "optimizer"}
    assert parts_of("transfer_with_lr") == {"weights", "optimizer", "schedule", "step"}


def test_a_cooldown_goes_on_where_the_source_ended_and_down_its_own_schedule(source: Path, tmp_path: Path) -> None:
    data = Watched()
    taking(tmp_path, source, "cooldown", data=data).run()
    assert data.read[:4] == [512, 576, 640, 704]  # what is laid out ahead may follow
    lines = [line for line in telemetry.read(tmp_path) if "train/lr" in line]
    assert [line["step"] for line in lines] == [9, 10, 11, 12]
    taking(tmp_path / "alone", source, "finetune").run()
    rates = [line["train/lr"] for line in telemetry.read(tmp_path / "alone") if "train/lr" in line]
    assert [line["train/lr"] for line in lines] == rates
    assert rates[0] == 1e-2 and rates == sorted(rates, reverse=True)


def test_resume_in_another_folder_is_going_on_in_its_own(source: Path, tmp_path: Path) -> None:
    plan = plan_of(tokens=12 * 64, schedule=Schedule(warmup=128, horizon=2000))
    taking(tmp_path / "elsewhere", source, "resume", plan=plan).run()
    model = decoder_of(1, spread=0.1)
    loss = LossFunction(model, trainer_of(tmp_path / "other").device, True, "dense", False)
    trainer_of(tmp_path / "whole", plan, model=model, loss=loss, identity=identity(model)).run()
    one, other = (checkpoint.load(checkpoint.steps(tmp_path / n / "checkpoints")[-1]) for n in ("elsewhere", "whole"))
    assert all(same(one[0][group], other[0][group]) for group in one[0])
    assert one[1]["progress"] == other[1]["progress"]


class Stop(Exception):
    pass


@mark.parametrize("mode", ("model_data", "cooldown"))
def test_stopped_it_goes_on_from_its_own_checkpoint(mode: str, source: Path, tmp_path: Path) -> None:
    taking(tmp_path / "whole", source, mode).run()
    made = taking(tmp_path / "parts", source, mode)

    def stop(progress: Any) -> dict[str, Any]:
        if progress.step % 8 == 3:
            raise Stop
        return {}

    made.observers = [(64, stop)]
    with raises(Stop):
        made.run()
    taking(tmp_path / "parts", source, mode).run()
    one, other = (checkpoint.load(checkpoint.steps(tmp_path / n / "checkpoints")[-1]) for n in ("parts", "whole"))
    assert one[1] == other[1] and one[1]["origin"]["data"] != one[1]["origin"]["schedule"]
    assert all(same(one[0][group], other[0][group]) for group in one[0])


def test_a_chain_of_runs_reads_on(source: Path, tmp_path: Path) -> None:
    """The place in the data is handed on, whatever each run counts as its own."""
    taking(tmp_path / "a", source, "model_data").run()
    data = Watched()
    taking(tmp_path / "b", tmp_path / "a", "model_data", data=data).run()
    assert data.read[0] == 512 + 4 * 64


def test_rows_of_another_length_begin_at_a_row(source: Path, tmp_path: Path) -> None:
    data = Watched(context=24)
    made = taking(tmp_path, source, "model_data", data=data)
    assert made.begin is not None
    made.begin(made)
    assert made.origin.data == 504


def test_a_new_head_begins_as_the_embedding(source: Path, tmp_path: Path) -> None:
    made = taking(tmp_path, source, "cooldown+init_head", tie_word_embeddings=False)
    made.run()
    theirs = checkpoint.load(find_checkpoint(str(source)))[0]["model"]["embed_tokens.weight"]
    again = taking(tmp_path / "again", source, "transfer+init_head", tie_word_embeddings=False)
    assert again.begin is not None
    again.begin(again)
    assert torch.equal(again.model.lm_head.weight, theirs)  # type: ignore[union-attr]
    moments = {name.split("/")[0] for name in again.optimizer.tensors(again.model)}
    assert moments == {name for name, _ in again.model.named_parameters()} - {"lm_head.weight"}
    with raises(UserError, match="no head of its own"):
        taking(tmp_path / "tied", source, "finetune+init_head").run()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "shape": ({"hidden_size": 64, "intermediate_size": 96}, "hidden_size 32[^$]*intermediate_size 48"),
    "family": ({"family": "qwen3"}, "family 'llama'"),
    "head": ({"tie_word_embeddings": False}, "tie_word_embeddings True"),
}


@mark.parametrize("kind", REFUSED)
def test_a_checkpoint_of_another_model_is_refused_with_all_that_differs(
    kind: str, source: Path, tmp_path: Path
) -> None:
    changes, words = REFUSED[kind]
    with raises(UserError, match=words):
        taking(tmp_path, source, "resume", **changes).run()
    assert not (tmp_path / "checkpoints").exists()


def test_another_tokenizer_and_another_optimizer_are_refused(source: Path, tmp_path: Path) -> None:
    made = taking(tmp_path, source, "finetune")
    made.identity["tokenizer"] = "b"
    with raises(UserError, match="its tokenizer is another one"):
        made.run()
    muon = plan_of(tokens=256, optimizer=Optimizer(name="muon"))
    with raises(UserError, match="its optimizer's name is another one: adamw") as error:
        taking(tmp_path, source, "transfer", plan=muon).run()
    assert "finetune" in error.value.problems[0].remedy
    taking(tmp_path, source, "finetune", plan=muon).run()


def test_learned_positions_of_another_number_are_a_shape(source: Path, tmp_path: Path) -> None:
    """Rotary ones are not."""
    taking(tmp_path / "rotary", source, "finetune", max_position_embeddings=128).run()
    learned: dict[str, Any] = {"family": "gpt2", "num_key_value_heads": 4}
    model = decoder_of(0, **learned)
    loss = LossFunction(model, trainer_of(tmp_path / "x").device, True, "dense", False)
    trainer_of(tmp_path / "gpt2", model=model, loss=loss, identity=identity(model)).run()
    assert config_of(**learned).max_position_embeddings == 64
    with raises(UserError, match=r"weights of other shapes: .*positions"):
        taking(tmp_path / "longer", tmp_path / "gpt2", "finetune", **learned, max_position_embeddings=128).run()


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, source: Path) -> None:
    with raises(UserError, match="no whole checkpoint there"):
        find_checkpoint(str(tmp_path))
    folder = checkpoint.steps(source / "pretrain" / "checkpoints")[-1]
    assert find_checkpoint(str(source)) == find_checkpoint(str(folder)) == folder


def test_a_damaged_one_is_refused_and_not_half_taken(source: Path, tmp_path: Path) -> None:
    """A pickle in its place, a file cut short: nothing of it comes into the new run."""
    shutil.copytree(source / "pretrain", tmp_path / "pretrain")
    folder = checkpoint.steps(tmp_path / "pretrain" / "checkpoints")[-1]
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for content in (whole[:-4], pickle.dumps({"embed_tokens.weight": 1})):
        weights.write_bytes(content)
        with raises(UserError, match=r"not a whole checkpoint: model\.safetensors") as error:
            taking(tmp_path / "new", folder, "finetune").run()
        assert "earlier one" in error.value.problems[0].remedy
    weights.write_bytes(bytes(reversed(whole)))  # as long as it was: read only where it is taken
    with raises(UserError, match=r"not a whole checkpoint: model\.safetensors"):
        taking(tmp_path / "new", tmp_path, "finetune").run()
    weights.write_bytes(whole[:-4])
    assert find_checkpoint(str(tmp_path)) == checkpoint.steps(folder.parent)[-2]
    weights.unlink()
    assert find_checkpoint(str(tmp_path)) == checkpoint.steps(folder.parent)[-2]
    torch.save({"w": torch.ones(2)}, tmp_path / "model.pt")
    with raises(UserError, match="no whole checkpoint there"):
        find_checkpoint(str(tmp_path / "model.pt"))


@mark.parametrize("manifest", ("", '{"format": 1, "st', "{}", '{"name": "other"}'))
def test_a_manifest_that_is_none_is_refused(manifest: str, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "step-00000008"
    shutil.copytree(checkpoint.steps(source / "pretrain" / "checkpoints")[-1], folder)
    (folder / "manifest.json").write_text(manifest)
    with raises(UserError, match=r"not a whole checkpoint: "):
        find_place(Load.model_validate({"from": str(folder), "mode": "finetune"}), 64)


@mark.parametrize("mode", ("resumé", "weights+speed", ["weights", "wings"], "", [], 3, "optimizer"))
def test_an_unknown_mode_lists_those_there_are(mode: Any) -> None:
    with raises(ValueError) as error:
        parse_mode(mode)
    if mode != "optimizer":
        assert all(name in str(error.value) for name in (*PARTS, *PRESETS))
