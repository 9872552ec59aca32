"""Checkpoints: what is saved comes back to the bit; what is damaged is named and passed over; a kill spoils nothing."""

import json
import os
import pickle
import random
import signal
import time

import pytest
import torch

from calame.recipe.errors import UserError
from calame.run import checkpoint

DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool uint16 uint32 uint64 float8_e4m3fn"


def save(root, step: int, value: float | None = None):
    tensors = {"model": {"w": torch.full((4, 3), float(step if value is None else value))}}
    return checkpoint.save(root, step, tensors, {"progress": {"step": step}})


@pytest.mark.parametrize("name", DTYPES.split())
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_every_dtype_comes_back_to_the_bit(tmp_path, name, shape):
    dtype = getattr(torch, name)
    bits = torch.randint(0, 2, (*shape, dtype.itemsize), dtype=torch.uint8)
    tensor = bits.view(dtype).reshape(shape)
    folder = checkpoint.save(tmp_path, 1, {"model": {"t": tensor}}, {})
    loaded, _ = checkpoint.load(folder)
    back = loaded["model"]["t"]
    assert back.dtype == dtype and back.shape == tensor.shape
    assert torch.equal(back.reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_groups_views_and_state_come_back(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"model": {"turned": whole.T, "part": whole[1]}, "random": {"cpu": torch.get_rng_state()}}
    state = {"progress": {"step": 7, "position": 10**15}, "recipe": {"name": "été", "rate": 1e-300, "none": None}}
    loaded, back = checkpoint.load(checkpoint.save(tmp_path, 7, tensors, state))
    assert back == state
    assert set(loaded) == {"model", "random"}
    assert torch.equal(loaded["model"]["turned"], whole.T) and torch.equal(loaded["model"]["part"], whole[1])
    assert checkpoint.read_state(tmp_path / "step-00000007") == state


def test_the_newest_valid_one_is_taken_and_older_ones_are_kept_in_number(tmp_path):
    assert checkpoint.newest_valid(tmp_path) is None
    for step in (10, 200, 3000):
        save(tmp_path, step)
    assert [path.name for path in checkpoint.steps(tmp_path)] == ["step-00000010", "step-00000200", "step-00003000"]
    assert checkpoint.newest_valid(tmp_path) == tmp_path / "step-00003000"
    checkpoint.keep_newest(tmp_path, 1, {"step-00000010"})
    assert [path.name for path in checkpoint.steps(tmp_path)] == ["step-00000010", "step-00003000"]


def test_amending_changes_the_state_alone(tmp_path):
    folder = checkpoint.save(tmp_path, 1, {"model": {"w": torch.ones(2)}}, {"a": 1, "b": False, "c": None})
    checkpoint.amend(folder, b=None, d=[2])
    assert checkpoint.read_state(folder) == {"a": 1, "c": None, "d": [2]}
    assert checkpoint.damage(folder) is None


def test_a_step_saved_again_takes_the_place_of_the_one_before(tmp_path):
    truncate(save(tmp_path, 1, 3.0))
    folder = save(tmp_path, 1, 4.0)
    assert (checkpoint.load(folder)[0]["model"]["w"] == 4.0).all()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_kill_while_one_is_removed_leaves_no_half(tmp_path, monkeypatch):
    save(tmp_path, 1)
    save(tmp_path, 2)

    def half(folder):
        (folder / "manifest.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.shutil, "rmtree", half)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.keep_newest(tmp_path, 1, set())
    assert [path.name for path in checkpoint.steps(tmp_path)] == ["step-00000002"]
    monkeypatch.undo()
    save(tmp_path, 3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000002", "step-00000003"]


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def alter(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_manifest(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(change(manifest)))


DAMAGES = {
    "truncated": (truncate, "model.safetensors"),
    "altered": (alter, "model.safetensors"),
    "missing file": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
    "missing manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    "half a manifest": (lambda folder: (folder / "manifest.json").write_text('{"format": 1, "st'), "manifest.json"),
    "binary manifest": (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"), "manifest.json"),
    "no object": (lambda folder: (folder / "manifest.json").write_text("[1]"), "manifest.json"),
    "other format": (lambda folder: change_manifest(folder, lambda m: {**m, "format": 99}), "format 99"),
    "altered state": (
        lambda folder: change_manifest(folder, lambda m: {**m, "state": {"progress": {"step": 9}}}),
        "manifest.json",
    ),
    "empty": (lambda folder: [path.unlink() for path in folder.iterdir()], "manifest.json is missing"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, capsys, kind):
    damage, words = DAMAGES[kind]
    good, bad = save(tmp_path, 1), save(tmp_path, 2)
    damage(bad)
    assert words in (checkpoint.damage(bad) or "")
    assert checkpoint.newest_valid(tmp_path) == good
    said = capsys.readouterr().out
    assert "step-00000002 is passed over" in said and words in said
    with pytest.raises(UserError, match="not a whole checkpoint"):
        checkpoint.load(bad)


def test_the_length_of_files_is_seen_without_reading_them(tmp_path):
    folder = save(tmp_path, 1)
    assert checkpoint.damage(folder, read=False) is None
    truncate(folder)
    assert "model.safetensors" in (checkpoint.damage(folder, read=False) or "")


def test_what_is_damaged_and_newer_is_set_aside_for_whoever_goes_on(tmp_path, capsys):
    good, *bad = (save(tmp_path, step) for step in (1, 2, 3))
    for folder in bad:
        truncate(folder)
    assert checkpoint.newest_valid(tmp_path, set_aside=True) == good
    assert "is step-00000003.damaged now" in capsys.readouterr().out
    assert checkpoint.steps(tmp_path) == [good]
    assert sorted(path.name for path in tmp_path.glob("*.damaged")) == [f"{folder.name}.damaged" for folder in bad]
    truncate(save(tmp_path, 3))  # once more, at the same step
    assert checkpoint.newest_valid(tmp_path, set_aside=True) == good


def test_a_file_in_the_place_of_a_checkpoint_is_passed_over(tmp_path):
    good = save(tmp_path, 1)
    (tmp_path / "step-00000002").write_text("a file")
    assert checkpoint.newest_valid(tmp_path) == good


class Bomb:
    def __reduce__(self):
        return (os._exit, (3,))


def test_no_pickle_is_ever_opened(tmp_path):
    """Not even one that a manifest with the right hashes names."""
    good, bad = save(tmp_path, 1), save(tmp_path, 2)
    (bad / "model.safetensors").unlink()
    (bad / "model.pt").write_bytes(pickle.dumps(Bomb()))
    (bad / "optimizer.pkl").write_bytes(pickle.dumps(Bomb()))

    def name_it(manifest):
        found = {"sha256": checkpoint.file_digest(bad / "model.pt"), "tensors": {}}
        manifest = {**manifest, "files": {"model.pt": found}}
        manifest.pop("sha256", None)
        return {**manifest, "sha256": checkpoint.digest(manifest)}

    change_manifest(bad, name_it)
    assert "model.pt" in (checkpoint.damage(bad) or "")
    assert checkpoint.newest_valid(tmp_path) == good


def test_a_full_disk_leaves_the_old_checkpoints_and_nothing_half_written(tmp_path, monkeypatch):
    import safetensors.torch

    save(tmp_path, 1)

    def fill(tensors, path):
        path.write_bytes(b"half")
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", fill)
    with pytest.raises(UserError, match="the disk is full"):
        save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_what_is_not_read_back_as_written_never_appears(tmp_path, monkeypatch):
    digests = iter(["as written", "as read back"])
    monkeypatch.setattr(checkpoint, "file_digest", lambda path: next(digests))
    with pytest.raises(ValueError, match="does not have the content"):
        save(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_save_left_behind_goes_with_the_next(tmp_path):
    (tmp_path / ".step-00000137.tmp").mkdir()
    (tmp_path / ".step-00000137.tmp" / "model.safetensors").write_bytes(b"gigabytes")
    save(tmp_path, 200)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000200"]


def test_a_kill_at_any_moment_leaves_a_valid_newest_checkpoint(tmp_path):
    """A child saves one checkpoint after the other and is killed at a random moment, twenty times over; more often on a
    machine so busy that the children hardly come to save."""
    draw = random.Random(1)
    began = time.monotonic()
    save(tmp_path, 1)
    once = time.monotonic() - began
    step = 1
    for kill in range(200):
        if kill >= 20 and step > 5:
            break
        child = os.fork()
        if child == 0:
            try:
                for number in range(step + 1, step + 1000):
                    tensors = {"model": {"w": torch.full((200_000,), float(number))}, "optimizer": {"m": torch.ones(9)}}
                    checkpoint.save(tmp_path, number, tensors, {"step": number})
                    checkpoint.keep_newest(tmp_path, 2, set())
            finally:
                os._exit(1)
        time.sleep(draw.uniform(0.5, 8) * max(once, 0.01))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        newest = checkpoint.newest_valid(tmp_path)
        assert newest is not None
        assert newest == checkpoint.steps(tmp_path)[-1]  # none that appeared is damaged
        tensors, state = checkpoint.load(newest)
        found = int(newest.name.split("-")[1])
        assert found >= step
        assert (tensors["model"]["w"] == found).all()
        assert state.get("step", 1) == found
        step = found
    assert step > 5, "the children hardly came to save"


def test_a_large_group_lies_in_several_files_and_comes_back_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST", 100)
    content = {f"layer.{n}": torch.full((size,), float(n)) for n, size in enumerate((10, 15, 5, 40, 1))}
    folder = checkpoint.save(tmp_path, 1, {"model": content, "random": {"cpu": torch.zeros(2)}}, {})
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    assert files == [*(f"model-000{n}.safetensors" for n in range(1, 5)), "random.safetensors"]
    assert all(path.stat().st_size < 400 for path in folder.glob("model*"))
    loaded, _ = checkpoint.load(folder)
    assert loaded["model"].keys() == content.keys()
    assert all(torch.equal(loaded["model"][name], tensor) for name, tensor in content.items())
    (folder / "model-0002.safetensors").write_bytes(b"")
    assert "model-0002.safetensors does not have" in (checkpoint.damage(folder) or "")
