"""The stage sft: from a checkpoint and conversations to a tuned model; replayed text, refusals counted, resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, fixture, mark, raises

from builders import tokenizer_of
from calame.corpus.decisions import TRAIN, read_decisions
from calame.corpus.gather import read_documents
from calame.inference.load import load_any
from calame.recipe.errors import UserError
from calame.recipe.schema import Recipe
from calame.run import checkpoint, telemetry
from calame.run.files import file_digest, read_json
from calame.tokenizer.tokenizer import Tokenizer
from calame.tuning.encode import Example
from calame.tuning.gather import gather_examples
from calame.tuning.kept import kept
from calame.tuning.sft import _data, tune
from tuned import losses, recipe, stages_before, stop_once


@fixture(scope="module")
def before(tmp_path_factory: Any) -> dict[str, Path]:
    return stages_before(tmp_path_factory.mktemp("before"))


def talks(folder: Path, number: int = 60) -> str:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Où est {k} ?"},
                {"role": "assistant", "content": f"Dans la mer {k}."},
            ]
        }
        for k in range(number)
    ]
    path = folder / "talks.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


def run(wanted: Recipe, before: dict[str, Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tune(wanted, before, before["start"], folder, folder.parent / "run", None)


def test_a_tuned_model_has_learnt_the_answers(before: dict[str, Path], tmp_path: Path) -> None:
    wanted = recipe(
        {"conversations": {"c": {"from": talks(tmp_path)}}, "epochs": 4.5, "optimizer": {"learning_rate": 0.01}}
    )
    run(wanted, before, tmp_path / "sft")
    found = losses(tmp_path / "sft")
    assert found[max(found)] < found[1] - 1
    ledger = read_json(tmp_path / "sft" / "conversations.json")["c"]
    assert (ledger["read"], ledger["used"], ledger["cut at a turn"], ledger["dropped"]) == (60, 60, 0, {})
    assert ledger["licenses"] == {"not stated": 60}
    assert Tokenizer.load(tmp_path / "sft" / "tokenizer").hash == tokenizer_of().hash
    assert any("val/mixed/loss" in line for line in telemetry.read(tmp_path / "sft"))
    assert {line["stage"] for line in telemetry.read(tmp_path / "run")} == {"sft/chat"}


def test_it_begins_from_the_selected_checkpoint(before: dict[str, Path], tmp_path: Path) -> None:
    """At a rate of nearly nothing, the weights stay those that it was given."""
    run(recipe({"optimizer": {"learning_rate": 1e-12, "weight_decay": 0}}), before, tmp_path / "sft")
    newest = checkpoint.newest_valid(tmp_path / "sft" / "checkpoints")
    assert newest is not None
    given, tuned = checkpoint.load(before["start"])[0]["model"], checkpoint.load(newest)[0]["model"]
    assert all(torch.allclose(given[name], tuned[name], atol=1e-8) for name in given)


@mark.parametrize("context", (64, 256))
@mark.parametrize("documents", ("masked", "stream"))
def test_replayed_text_may_have_rows_of_another_length(
    context: int, documents: str, before: dict[str, Path], tmp_path: Path
) -> None:
    """The tuning's rows are shorter than pretraining's; or the text was read as one stream."""
    keys = {"conversations": {"c": {"from": talks(tmp_path)}}, "replay": 0.5, "context": context, "batch": 512}
    run(recipe(keys, pretrain__documents=documents), before, tmp_path / "sft")
    assert len(losses(tmp_path / "sft")) > 2


def test_replay_goes_on_where_pretraining_left_off_and_round(before: dict[str, Path], tmp_path: Path) -> None:
    wanted, shards = recipe({"replay": 0.5}), {"a": before["shards/a"]}
    examples = gather_examples(wanted, before, tokenizer_of(), tmp_path)
    data = _data(wanted, examples, shards, tokenizer_of(), seen=1024)
    assert data.replay is not None
    assert (data.batch(256, 256).tokens == data.replay.batch(1024, 256).tokens).all()
    capacity = data.replay_tokens
    late = _data(wanted, examples, shards, tokenizer_of(), seen=capacity - 256)
    rows = late.batch(0, 4 * 256)  # past the end of the text: from its beginning
    assert (rows.tokens[1] == data.replay.batch(capacity - 256, 256).tokens[0]).all()
    assert (rows.tokens[3] == data.replay.batch(0, 256).tokens[0]).all()


def test_own_text_uses_training_documents_only(before: dict[str, Path], tmp_path: Path) -> None:
    wanted = recipe({"context": 500, "batch": 500}, pretrain__context=500, pretrain__batch=500)
    examples = gather_examples(wanted, before, tokenizer_of(), tmp_path)
    decisions = read_decisions(before["corpus"], "a")
    kept = [d.text for d, place in zip(read_documents(before["corpus/a"]), decisions, strict=True) if place == TRAIN]
    numbers = {int(text.split(".")[0]) for text in kept if "Phrase" in text}
    assert 0 < len(numbers) < 30, "some are validation text"
    begun = {int(t.split("user\n")[1].split(".")[0].split()[-1]) for t in decoded(examples) if ". Phrase 0" in t}
    assert begun <= numbers
    assert len(examples) > len(numbers)


def decoded(groups: list[list[Example]]) -> list[str]:
    return [tokenizer_of().decode(example.tokens.tolist(), special=True) for (example,) in groups]


def test_what_is_refused_and_cut_is_counted_with_its_reason(before: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    short = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    long = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "mer " * 400}]
    rows = [
        short,
        [*short, *long],
        long,
        [{"role": "user", "content": "a"}],
        [{"role": "narrator", "content": "a"}],
        [],
    ]
    path.write_text("\n".join(json.dumps({"messages": row}) for row in rows) + "\nbroken\n")
    wanted = recipe({"conversations": {"c": {"from": str(path)}}})
    examples = gather_examples(wanted, before, tokenizer_of(), tmp_path)
    assert len(examples) == 2
    part = read_json(tmp_path / "conversations.json")["c"]
    assert (part["read"], part["used"], part["cut at a turn"]) == (7, 2, 1)
    assert sum(part["dropped"].values()) == 5
    for reason in ("no answer fits into the context", "the assistant says nothing", "unknown role 'narrator'"):
        assert part["dropped"][reason] == 1 and part["samples"][reason][0]["place"].startswith("odd.jsonl:")


def test_nothing_to_learn_from_is_refused_with_the_reasons(before: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "a"}]}))
    with raises(UserError, match="the assistant says nothing"):
        run(recipe({"conversations": {"c": {"from": str(path)}}}), before, tmp_path / "sft")


def test_stopped_and_gone_on_it_is_the_same_tuning(
    before: dict[str, Path], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    wanted = recipe({"replay": 0.3, "epochs": 2})
    run(wanted, before, tmp_path / "whole" / "sft")
    stop_once(monkeypatch, 7, lambda: run(wanted, before, tmp_path / "stopped" / "sft"))
    run(wanted, before, tmp_path / "stopped" / "sft")
    assert len(losses(tmp_path / "whole" / "sft")) > 8
    assert losses(tmp_path / "whole" / "sft") == losses(tmp_path / "stopped" / "sft")


def test_adapters_learn_beside_and_a_whole_model_stands_in_its_place(before: dict[str, Path], tmp_path: Path) -> None:
    keys = {"conversations": {"c": {"from": talks(tmp_path)}}, "epochs": 3, "schedule": {"warmup": 0}}
    wanted = recipe({**keys, "lora": {"rank": 4}, "optimizer": {"learning_rate": 0.02}})
    run(wanted, before, tmp_path / "sft")
    found = losses(tmp_path / "sft")
    assert found[max(found)] < found[1] - 0.2
    loaded = load_any(str(tmp_path / "sft"), device="cpu")
    assert loaded.tuned and loaded.origin.endswith("checkpoints/" + Path(loaded.origin).name)
    whole = checkpoint.newest_valid(tmp_path / "sft" / "checkpoints")
    adapters = checkpoint.newest_valid(tmp_path / "sft" / "adapter" / "checkpoints")
    assert whole is not None and adapters is not None
    weights, given = (checkpoint.load(folder)[0]["model"] for folder in (whole, before["start"]))
    learnt = checkpoint.load(adapters)[0]["model"]
    assert weights.keys() == given.keys() and torch.equal(weights["embed_tokens.weight"], given["embed_tokens.weight"])
    maps = [name for name in weights if name.endswith("_proj.weight")]
    assert not any(torch.equal(weights[name], given[name]) for name in maps)
    a, b = (learnt[f"layers.0.mlp.up_proj.parametrizations.weight.0.{side}"] for side in "ab")
    name = "layers.0.mlp.up_proj.weight"
    assert torch.allclose(weights[name], given[name] + 2.0 * b @ a, atol=1e-5)
    before_again = file_digest(whole / "model.safetensors")
    run(wanted, before, tmp_path / "sft")  # nothing is left to do
    assert file_digest(whole / "model.safetensors") == before_again


def test_a_stopped_tuning_goes_on_with_what_was_read(before: dict[str, Path], tmp_path: Path) -> None:
    """Whatever has become of the file since: its content is in the stage's fingerprint, or it is of the hub."""
    path = Path(talks(tmp_path))
    wanted = recipe({"conversations": {"c": {"from": str(path), "repeat": 2}}})
    run(wanted, before, tmp_path / "sft")
    groups = kept(tmp_path / "sft", lambda: [])
    assert len(groups) == 120 and sum(groups[0] is group for group in groups) == 2
    path.unlink()
    run(wanted, before, tmp_path / "sft")


def test_a_set_that_gives_nothing_is_refused_by_its_name(before: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n')
    sets = {"c": {"from": talks(tmp_path)}, "odd": {"from": str(path)}}
    with raises(UserError, match=r"sft\.conversations\.odd: no conversation in it .*columns of no format: text \(2\)"):
        run(recipe({"conversations": sets}), before, tmp_path / "sft")
