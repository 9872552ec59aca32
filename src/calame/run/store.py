"""The content-addressed store: STAGE/FINGERPRINT/ holds a stage's output, complete when its `done.json` is there.

`begun.json` is there from the first moment: what the stage is made of.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.run import checkpoint
from calame.run.environment import machine
from calame.run.files import digest, explain_full_disk, read_json, write_json
from calame.run.progress import say
from calame.run.stage import PARTS, Stage, Work, difference

DONE, BEGUN = "done.json", "begun.json"


@dataclass(frozen=True)
class Verdict:
    """Whether a stage's output can be used as it is, and why not."""

    fresh: bool
    reason: str


class Store:
    def __init__(self, root: Path):
        self.root = root

    def folder(self, stage: Stage) -> Path:
        return self._shelf(stage) / stage.fingerprint

    def _shelf(self, stage: Stage) -> Path:
        return self.root / stage.name.replace("/", ".")

    def done(self, stage: Stage) -> dict[str, Any] | None:
        """What was written down when the stage was completed, or None."""
        path = self.folder(stage) / DONE
        return read_json(path) if path.is_file() else None

    def judge(self, stage: Stage, last: Path | None) -> Verdict:
        """Is the stage fresh? `last` is the output that the run used until now, to say what changed since."""
        done = self.done(stage)
        if done and (again := self._made_again(stage, done)):
            return Verdict(False, f"{', '.join(again)} before it was made again")
        if done:
            return Verdict(True, "up to date" + (f", {stage.goal:,} tokens" if stage.goal is not None else ""))
        if self._goes_on(stage):
            return Verdict(False, "was interrupted: goes on")
        if last is not None and (old := ingredients_of(last)):
            changes = difference(old, stage.ingredients)
            return Verdict(False, "; ".join(changes) or "its output was removed from the store")
        return Verdict(False, "not made yet")

    def _goes_on(self, stage: Stage) -> bool:
        """Whether there is something of an unfinished stage to go on from."""
        parts = self.folder(stage) / PARTS
        finished = stage.in_parts and parts.is_dir() and any(part.name[0] != "." for part in parts.iterdir())
        return finished or (stage.trained and self.folder(stage).is_dir())

    def _made_again(self, stage: Stage, done: dict[str, Any]) -> list[str]:
        """Trained stages before this one whose weights are others than those it was made from (they were forced)."""
        now = {before.name: self.done(before) for before in stage.before if before.trained}
        return [name for name, found in now.items() if found and found["weights"] != done["made_from"].get(name)]

    def make(self, stage: Stage, force: bool = False, begun: Callable[[], None] = lambda: None) -> Path:
        """Run the stage's maker; the output counts only once everything is written. Returns its folder.

        `begun` is called once the folder is there. Waits while another process is at the same stage.
        """
        folder = self.folder(stage)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with self._alone(stage), explain_full_disk(folder):
            done = self.done(stage)
            if self.judge(stage, None).fresh and not force:
                return folder  # another process made it while we waited, and may be reading it
            if folder.is_dir() and (force or done or not self._goes_on(stage)):
                shutil.rmtree(folder)
            if not folder.is_dir():
                self._begin(stage, folder)
            begun()
            start = time.time()
            try:
                stage.make(Work(folder, {before.name: self.folder(before) for before in stage.before}))
            except BaseException:
                if not self._goes_on(stage):
                    shutil.rmtree(folder, ignore_errors=True)
                raise
            self._complete(stage, folder, time.time() - start)
        return folder

    def _begin(self, stage: Stage, folder: Path) -> None:
        """An empty folder, or a copy of what the stage goes on from (finished or not), put in place in one step."""
        temporary = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(temporary, ignore_errors=True)
        before = stage.predecessor
        if before is not None and self.folder(before).is_dir():
            shutil.copytree(self.folder(before), temporary, ignore=shutil.ignore_patterns(DONE), copy_function=_share)
        else:
            temporary.mkdir()
        write_json(temporary / BEGUN, stage.ingredients)
        temporary.rename(folder)

    def _complete(self, stage: Stage, folder: Path, seconds: float) -> None:
        made_from = {before.name: (self.done(before) or {}).get("weights") for before in stage.before if before.trained}
        write_json(
            folder / DONE,
            {
                "stage": stage.name,
                "fingerprint": stage.fingerprint,
                "ingredients": stage.ingredients,
                "weights": _weights(folder) if stage.trained else None,
                "machine": machine() if stage.trained else None,  # the run may go on on another
                "made_from": made_from,
                "seconds": round(seconds, 2),
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            },
        )

    @contextmanager
    def _alone(self, stage: Stage) -> Iterator[None]:
        """Two processes never make the same stage at once; the lock goes with its process, however that ends."""
        path = self._shelf(stage) / f".{stage.fingerprint}.lock"
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{stage.name}: another process is making it at this moment; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _share(source: str, target: str) -> None:
    """Copy a file; weights, which never change once written, are shared where the disk can."""
    try:
        if source.endswith(".safetensors"):
            os.link(source, target)
            return
    except OSError:
        pass
    shutil.copy2(source, target)


def ingredients_of(folder: Path) -> dict[str, Any] | None:
    """What the output in a folder of the store is made of, whether it is complete or not."""
    return read_json(folder / BEGUN) if (folder / BEGUN).is_file() else None


def _weights(folder: Path) -> str:
    """One hash for the tensors of a trained stage's newest checkpoint."""
    newest = checkpoint.steps(folder / "checkpoints")[-1:]
    return digest([read_json(path / checkpoint.MANIFEST)["files"] for path in newest])
