"""The store: what is fresh and why something is not; trained work is kept, half work is not, and never two at once."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from calame.recipe.errors import UserError
from calame.run.stage import Stage
from calame.run.store import Store, ingredients_of
from support import environment


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "store")


def writes(text: str = "made"):
    def make(work):
        (work.folder / "out").write_text(text)

    return make


def fails(work):
    (work.folder / "half").write_text("half")
    raise RuntimeError("a fault")


pure = Stage("corpus", 1, {"share": 1}, writes())
trained = Stage("pretrain", 1, {"rate": 1}, writes(), trained=True, goal=1000)


def test_a_stage_is_made_once_and_then_fresh(store):
    assert store.judge(pure, None).reason == "not made yet"
    folder = store.make(pure)
    assert (folder / "out").read_text() == "made"
    assert store.judge(pure, folder).fresh
    assert store.done(pure)["ingredients"] == pure.ingredients


def test_a_changed_key_is_stale_with_the_reason(store):
    folder = store.make(pure)
    verdict = store.judge(replace(pure, keys={"share": 2}), folder)
    assert (verdict.fresh, verdict.reason) == (False, "share: 1 -> 2")


def test_outputs_removed_by_hand_are_noticed(store):
    folder = store.make(pure)
    other = store.make(replace(pure, keys={"share": 2}))
    (folder / "done.json").unlink()
    assert store.judge(pure, other).reason == "share: 2 -> 1"
    assert not store.judge(pure, folder).fresh


def test_a_maker_finds_the_stages_before_it_by_name(store):
    found = {}
    store.make(pure)
    store.make(Stage("tokenizer", 1, {}, lambda work: found.update(work.before), before=(pure,)))
    assert found == {"corpus": store.folder(pure)}


def test_a_pure_stage_is_wiped_after_a_failure(store):
    with pytest.raises(RuntimeError):
        store.make(replace(pure, make=fails))
    assert not store.folder(pure).exists()
    assert store.judge(pure, None).reason == "not made yet"


def test_what_a_killed_pure_stage_left_is_not_mixed_with_the_new(store):
    store.folder(pure).mkdir(parents=True)
    (store.folder(pure) / "half").write_text("of a killed process")
    assert not store.judge(pure, None).fresh
    assert sorted(path.name for path in store.make(pure).iterdir()) == ["begun.json", "done.json", "out"]


def test_a_trained_stage_is_kept_after_a_failure_and_goes_on(store):
    with pytest.raises(RuntimeError):
        store.make(replace(trained, make=fails))
    assert store.judge(trained, None).reason == "was interrupted: goes on"
    folder = store.make(trained)
    assert (folder / "half").exists() and (folder / "out").exists()


def test_a_stage_in_parts_is_kept_where_a_part_is_finished(store):
    def half(work):
        (work.folder / "parts/.00001.new").mkdir(parents=True)
        if "fails" not in stage.keys:
            (work.folder / "parts/00000").mkdir()
        raise RuntimeError("a fault")

    for keys in ({}, {"fails": "at once"}):
        stage = Stage("corpus/a", 1, keys, half, in_parts=True)
        with pytest.raises(RuntimeError):
            store.make(stage)
        kept = "fails" not in keys
        assert store.folder(stage).exists() == kept
        assert store.judge(stage, None).reason == ("was interrupted: goes on" if kept else "not made yet")
        folder = store.make(replace(stage, make=writes()))
        assert (folder / "parts/00000").exists() == kept
    assert not (store.make(replace(stage, make=writes()), force=True) / "parts").exists()


def test_more_tokens_go_on_from_a_copy_and_overwrite_nothing(store):
    folder = store.make(trained)
    (folder / "mark").write_text("kept")
    longer = replace(trained, goal=3000).continued(ingredients_of(folder))
    assert longer.history == (1000,)
    assert store.judge(longer, folder).reason == "goes on to 3,000 tokens (now 1,000)"
    more = store.make(longer)
    assert more != folder and (more / "mark").exists()
    assert store.judge(longer, more).reason == "up to date, 3,000 tokens"
    assert store.judge(trained, folder).fresh  # another run that wants 1,000 tokens still has them
    assert longer.continued(ingredients_of(more)) == longer


def test_an_interrupted_stage_is_gone_on_from_too(store):
    with pytest.raises(RuntimeError):
        store.make(replace(trained, make=fails))
    longer = replace(trained, goal=3000).continued(ingredients_of(store.folder(trained)))
    assert (store.make(longer) / "half").exists()


@pytest.mark.parametrize("change", [{"goal": 500}, {"goal": 3000, "keys": {"rate": 2}}, {"goal": 3000, "version": 2}])
def test_fewer_tokens_or_another_recipe_begin_anew(store, change):
    folder = store.make(trained)
    other = replace(trained, **change).continued(ingredients_of(folder))
    assert other.history == ()
    (folder / "mark").write_text("of the other")
    assert not (store.make(other) / "mark").exists()


def test_what_follows_a_forced_training_is_stale_if_its_weights_are_others(store):
    def trains(text):
        def make(work):
            checkpoint = work.folder / "checkpoints" / "step-00000001"
            checkpoint.mkdir(parents=True)
            (checkpoint / "manifest.json").write_text(json.dumps({"files": text}))

        return make

    first = replace(trained, make=trains("a"))
    after = Stage("sft/chat", 1, {}, writes(), before=(first,), trained=True)
    store.make(first)
    folder = store.make(after)
    store.make(first, force=True)
    assert store.judge(after, folder).fresh  # the same weights came out
    store.make(replace(first, make=trains("b")), force=True)
    assert store.judge(after, folder).reason == "pretrain before it was made again"
    (folder / "mark").write_text("gone")
    store.make(after)
    assert store.judge(after, folder).fresh and not (folder / "mark").exists()


@pytest.mark.parametrize("stage", [pure, trained])
def test_force_makes_everything_anew(store, stage):
    folder = store.make(stage)
    (folder / "mark").write_text("gone")
    store.make(stage, force=True)
    assert sorted(path.name for path in folder.iterdir()) == ["begun.json", "done.json", "out"]


def test_a_stage_that_another_process_finished_meanwhile_is_left_alone(store):
    """Both found it missing; the second comes to the lock when the first has done the work and already uses it."""
    folder = store.make(pure)
    (folder / "in use").write_text("by the next stage")
    store.make(replace(pure, make=fails))
    assert (folder / "in use").exists()


HOLDER = """
import sys, time
from pathlib import Path
from calame.run.stage import Stage
from calame.run.store import Store
def make(work):
    (work.folder / "out").write_text("made")
    print("holding", flush=True)
    time.sleep(60)
Store(Path(sys.argv[1])).make(Stage("corpus", 1, {"share": 1}, make))
"""


def test_two_processes_never_make_the_same_stage_at_once(store):
    command = [sys.executable, "-c", HOLDER, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True) as holder:
        try:
            assert holder.stdout and holder.stdout.readline() == "holding\n"
            store.make(replace(pure, keys={"share": 2}))  # another stage is none of its business
            waiting = threading.Thread(target=store.make, args=(pure,))
            waiting.start()
            waiting.join(0.5)
            assert waiting.is_alive() and store.done(pure) is None
        finally:
            holder.kill()
    waiting.join(10)
    assert store.judge(pure, None).fresh  # the lock went with its process


def test_a_full_disk_while_a_stage_is_made(store):
    def fill(work):
        (work.folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="the disk is full"):
        store.make(replace(pure, make=fill))
    assert not store.folder(pure).exists()
    assert Path(store.root).exists()
