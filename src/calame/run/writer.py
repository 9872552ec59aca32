"""Checkpoints written behind the training: tensors are copied to host memory, and a thread writes what was copied.

The training waits for the copy alone. On a GPU not even for that: the copy into page-locked memory is queued like any
other work of the device, before the next step's, and the thread waits for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from torch import Tensor

from calame.recipe.units import say_bytes
from calame.run import checkpoint
from calame.run.progress import say

Groups = Mapping[str, Mapping[str, Tensor]]
Then = Callable[[Path], object]
MEMORY = Path("/proc/meminfo")


class Writer:
    """Saves one checkpoint at a time. What went wrong in the thread is raised by the next call of any method.

    background: False is the plain way, where `save` returns when the checkpoint is there. It is taken too where the
    copy would fill more than half of the memory that is free.
    """

    def __init__(self, background: bool = True):
        self.background = background
        self._copies: dict[str, dict[str, Tensor]] = {}
        self._thread: Thread | None = None
        self._fault: BaseException | None = None

    def prepare(self, tensors: Groups) -> None:
        """Make the memory for copies of such tensors of a GPU while the training goes on: page-locking many gigabytes
        takes seconds, which the first `save` would make it wait for."""
        on_gpu = any(tensor.is_cuda for content in tensors.values() for tensor in content.values())
        if self._thread is None and not self._copies and self.background and on_gpu:
            self.background = _fits(tensors)
            if self.background:
                self._thread = Thread(target=self._make, args=(tensors,), daemon=True)
                self._thread.start()

    def save(self, root: Path, step: int, tensors: Groups, state: Mapping[str, Any], then: Then) -> None:
        """Save `root/step-XXXXXXXX` as `checkpoint.save` does, then call `then` with its folder."""
        self.wait()
        if self.background and not self._copies:
            self.background = _fits(tensors)
        if not self.background:
            then(checkpoint.save(root, step, tensors, state))
            return
        copied = self._copy(tensors)
        self._thread = Thread(target=self._write, args=(copied, root, step, state, then), daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the thread, if anything has."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def wait(self) -> None:
        """Return when nothing is being written any more; raise what went wrong."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.check()

    def _make(self, tensors: Groups) -> None:
        try:
            self._copies = {
                group: {name: _like(tensor, None) for name, tensor in content.items()}
                for group, content in tensors.items()
            }
        except BaseException as error:
            self._fault = error

    def _copy(self, tensors: Groups) -> torch.cuda.Event | None:
        """Queue the copy of all tensors into memory that is kept from one save to the next; the event of its end."""
        old, self._copies = self._copies, {}
        on_gpu = False
        for group, content in tensors.items():
            kept = self._copies[group] = {}
            for name, tensor in content.items():
                on_gpu |= tensor.is_cuda
                kept[name] = _like(tensor, old.get(group, {}).get(name))
                kept[name].copy_(tensor.detach(), non_blocking=True)
        if not on_gpu:
            return None
        event = torch.cuda.Event()
        event.record()
        return event

    def _write(
        self, copied: torch.cuda.Event | None, root: Path, step: int, state: Mapping[str, Any], then: Then
    ) -> None:
        try:
            if copied is not None:
                copied.synchronize()
            then(checkpoint.save(root, step, self._copies, state))
        except BaseException as error:
            self._fault = error


def _like(tensor: Tensor, kept: Tensor | None) -> Tensor:
    """Host memory for a copy: what was kept of the last one where it fits, page-locked for a tensor of a GPU."""
    if kept is not None and kept.shape == tensor.shape and kept.dtype == tensor.dtype:
        return kept
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)


def _fits(tensors: Groups) -> bool:
    """Whether a copy leaves at least half of the free memory (said aloud where it does not); yes where unknown."""
    needed = sum(tensor.nbytes for content in tensors.values() for tensor in content.values())
    if not MEMORY.is_file():
        return True
    lines = dict(line.split(":", 1) for line in MEMORY.read_text().splitlines() if ":" in line)
    free = int(lines.get("MemAvailable", "0 kB").split()[0]) * 1024
    if needed <= free // 2:
        return True
    say(
        f"  checkpoints are written while the training waits: a copy of {say_bytes(needed)} "
        f"does not fit well into the {say_bytes(free)} of memory that are free"
    )
    return False
