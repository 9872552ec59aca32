"""Checkpoints behind the training's back: the moment of the call is what is saved, and what fails is told."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch, mark, raises

from calame.recipe.errors import UserError
from calame.run import checkpoint, writer
from calame.run.writer import Writer


def nothing(folder: Path) -> None:
    pass


def tensors(value: float, size: int = 1000) -> dict[str, dict[str, torch.Tensor]]:
    return {"model": {"w": torch.full((size,), float(value))}, "random": {"cpu": torch.get_rng_state()}}


def held(monkeypatch: MonkeyPatch, also: Callable[[], Any] = lambda: None) -> threading.Event:
    """From now on saving waits for the event."""
    go, save = threading.Event(), checkpoint.save

    def wait(*arguments: Any) -> Path:
        go.wait(10)
        also()
        return save(*arguments)

    monkeypatch.setattr(checkpoint, "save", wait)
    return go


def test_what_is_saved_is_the_moment_of_the_call(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    """While it is being written the tensors may change; and the memory of the copies serves the next save."""
    go, writing, content = held(monkeypatch), Writer(), tensors(1.0)
    writing.save(tmp_path, 1, content, {"a": 1}, nothing)
    content["model"]["w"] += 1
    assert checkpoint.steps(tmp_path) == []
    go.set()
    writing.wait()
    kept = writing._copies["model"]["w"].data_ptr()
    writing.save(tmp_path, 2, content, {"a": 2}, nothing)
    writing.wait()
    assert writing._copies["model"]["w"].data_ptr() == kept
    found = [checkpoint.load(folder) for folder in checkpoint.steps(tmp_path)]
    assert [float(read["model"]["w"].mean()) for read, _ in found] == [1.0, 2.0]
    assert [state["a"] for _, state in found] == [1, 2]


@mark.parametrize("background", (True, False))
def test_both_ways_write_the_same(background: bool, tmp_path: Path) -> None:
    turned = torch.arange(12.0).reshape(3, 4).T
    writing, seen = Writer(background), []
    writing.save(tmp_path, 5, {"model": {"t": turned, "half": turned.half()}}, {"x": [1]}, seen.append)
    writing.wait()
    assert seen == [tmp_path / "step-00000005"]
    read, state = checkpoint.load(seen[0])
    assert torch.equal(read["model"]["t"], turned) and read["model"]["half"].dtype == torch.float16
    assert state == {"x": [1]}


def test_a_save_waits_for_the_one_before(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    order: list[int] = []
    go, writing = held(monkeypatch), Writer()
    threading.Timer(0.1, go.set).start()
    for step in (1, 2, 3):
        writing.save(tmp_path, step, tensors(step), {}, lambda folder: order.append(int(folder.name[-1])))
    assert order == [1, 2]
    writing.wait()
    assert order == [1, 2, 3]


@mark.parametrize("ask", (Writer.wait, Writer.check, lambda writing: writing.save(Path(), 9, {}, {}, nothing)))
def test_a_full_disk_is_told_at_the_next_call_and_once(ask: Any, tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    import safetensors.torch

    writing = Writer()
    writing.save(tmp_path, 1, tensors(1), {}, nothing)
    writing.wait()

    def fill(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", fill)
    writing.save(tmp_path, 2, tensors(2), {}, nothing)
    assert writing._thread is not None
    writing._thread.join()
    with raises(UserError, match="the disk is full") as error:
        ask(writing)
    assert "free some space" in error.value.problems[0].remedy
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoint.damage(tmp_path / "step-00000001") is None
    writing.wait()


def test_where_memory_is_short_the_training_waits(tmp_path: Path, monkeypatch: MonkeyPatch, capsys) -> None:
    memory = tmp_path / "meminfo"
    monkeypatch.setattr(writer, "MEMORY", memory)
    memory.write_text("MemTotal: 9 kB\nMemAvailable: 1000 kB\n")
    assert writer._fits(tensors(1, 100_000))
    writing = Writer()
    writing.save(tmp_path / "c", 1, tensors(1, 200_000), {}, nothing)
    assert [path.name for path in checkpoint.steps(tmp_path / "c")] == ["step-00000001"]
    assert not writing._copies
    assert "does not fit well" in capsys.readouterr().out


@mark.gpu
@mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_the_card_the_copy_is_queued_before_what_changes_the_weights(tmp_path: Path) -> None:
    weight = torch.zeros(1 << 24, device="cuda")
    writing = Writer()
    for step in range(1, 4):
        weight.fill_(step)
        writing.save(tmp_path, step, {"model": {"w": weight}}, {}, nothing)
        for _ in range(50):
            weight.add_(1.0)
    writing.wait()
    for step, folder in enumerate(checkpoint.steps(tmp_path), 1):
        assert (checkpoint.load(folder)[0]["model"]["w"] == step).all()


@mark.gpu
@mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_memory_that_was_made_before_is_what_the_first_save_copies_into(tmp_path: Path) -> None:
    content = {"model": {"w": torch.ones(1 << 20, device="cuda")}}
    writing = Writer()
    writing.prepare(content)
    writing.wait()
    made = writing._copies["model"]["w"]
    assert made.is_pinned()
    writing.save(tmp_path, 1, content, {}, nothing)
    writing.wait()
    assert writing._copies["model"]["w"].data_ptr() == made.data_ptr()
    assert (checkpoint.load(checkpoint.steps(tmp_path)[0])[0]["model"]["w"] == 1).all()


def test_on_a_cpu_there_is_nothing_to_make_before() -> None:
    writing = Writer()
    writing.prepare(tensors(1.0))
    assert writing._thread is None and not writing._copies
