"""Several processes that train one model: who is there, what they say to each other, and who waits for whom.

torchrun starts them (`torchrun --nproc-per-node 4 -m calame run RECIPE`). Process 0, the chief, walks the road, writes
and speaks; the others wait for its orders and join it in the trained stages. All read the same files, so several
machines need a shared folder. The function that is trained is that of one process: see `sharding.py`.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from calame.model.device import Device
from calame.recipe.errors import refuse
from calame.recipe.units import say_bytes
from calame.run.launch import launched
from calame.shards.rows import Rows

Mode = Literal["ddp", "fsdp", "hybrid"]
PATIENCE = timedelta(minutes=30)  # what the others may be ahead of one that compiles, or of a chief that saves
SOON = 5.0  # seconds; what a chief that fails as the others do may need to say so
LOOK_UP = 0.2  # seconds between two looks for an order
STATE_BYTES = 20  # a parameter: fp32 weight, gradient, its part in flight, two moments of AdamW
STATE_SHARE = 0.5  # of a card's memory; the rest is for activations


class PeerLost(Exception):
    """Another process of the run has ended or cannot be reached. Exit code 1."""


@dataclass(frozen=True)
class Team:
    """The processes of a run. Every method but `share` and `portion` must be called by all of them alike.

    local: processes on this machine; store: where the chief leaves its orders; mode: how the model's state lies.
    """

    rank: int = 0
    size: int = 1
    local: int = 1
    mode: Mode = "ddp"
    store: Store | None = None

    @property
    def chief(self) -> bool:
        return self.rank == 0

    def portion(self, key: str, batch: int, context: int) -> int:
        """Tokens of a batch that each process takes. Raises `UserError` where its rows do not divide."""
        rows = batch // context
        if rows % self.size:
            fitting = [n for n in range(1, self.size) if rows % n == 0]
            raise refuse(
                key,
                f"{rows} rows of {context} tokens do not divide among {self.size} processes",
                f"{', '.join(map(str, fitting))} processes, or a batch of a multiple of {self.size} rows",
                f"torchrun --nproc-per-node {fitting[-1]}, or {key}={-(-rows // self.size) * self.size * context}",
            )
        return batch // self.size

    def share(self, rows: Rows) -> Rows:
        """This process's rows of a batch."""
        own = len(rows) // self.size
        assert own * self.size == len(rows), "the rows of a batch divide among the processes"
        return rows[self.rank * own : (self.rank + 1) * own]

    def most(self, here: int) -> int:
        """The greatest of all processes' numbers. On the CPU: no device is waited for."""
        if self.size == 1:
            return here
        number = torch.tensor(here)
        dist.all_reduce(number, dist.ReduceOp.MAX)
        return int(number)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def tell(self, find: Callable[[], Any]) -> Any:
        """What the chief finds, in every process. Only the chief looks."""
        if self.size == 1:
            return find()
        told = [find() if self.chief else None]
        dist.broadcast_object_list(told, src=0, device=torch.device("cpu"))
        return told[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What the backends raise when a process is gone becomes a `PeerLost` that says what to do."""
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not _lost(error):
                raise
            raise PeerLost(
                f"process {self.rank} of {self.size}: another process of this run has ended, or cannot be reached "
                f"({str(error).splitlines()[0][:160]})\n"
                "  remedy:  its own message says why; the newest checkpoint is whole, and the same command goes on"
            ) from None

    def order(self, order: dict[str, Any] | None) -> None:
        """The chief's next order to those who wait; None: nothing more to do."""
        assert self.store is not None
        self.store.set(f"order/{self.store.add('orders', 1)}", json.dumps(order))

    def orders(self) -> Iterator[dict[str, Any]]:
        """The chief's orders as they come, however long that takes, until there are no more."""
        assert self.store is not None
        for number in itertools.count(1):
            self._came(f"order/{number}")
            order = json.loads(self.store.get(f"order/{number}"))
            if order is None:
                return
            yield order

    def leave(self, words: str) -> None:
        """The chief has no more orders; `words`: why, where that is an error that others may meet too."""
        assert self.store is not None
        self.store.set("left", words)
        self.order(None)

    def left(self, words: str) -> bool:
        """Whether the chief has left with these words, now or soon."""
        assert self.store is not None
        return self._came("left", SOON) and self.store.get("left").decode() == words

    def part(self) -> None:
        """After the last order: all connections are closed."""
        dist.destroy_process_group()
        join.cache_clear()

    def _came(self, key: str, within: float = math.inf) -> bool:
        """Asked now and then, not waited for: a process that waits hears signals, and no socket runs out of time."""
        assert self.store is not None
        until = time.monotonic() + within
        while not self.store.check([key]):
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_UP)
        return True


def _lost(error: RuntimeError) -> bool:
    words = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in words for word in ("gloo", "nccl", "connection closed"))


@cache
def join() -> Team:
    """The processes that torchrun started, this one among them, once all are there; or this one alone.

    Tensors on the CPU travel by gloo, those on a GPU by NCCL."""
    if not launched():
        return Team()
    local, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local < there:
        torch.cuda.set_device(local)
    store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
    backend = "cpu:gloo,cuda:nccl" if there else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    team = Team(rank, size, int(os.environ.get("LOCAL_WORLD_SIZE", size)))
    attempt = team.tell(lambda: uuid.uuid4().hex)  # torchrun's store outlives a restart; old orders must not
    return replace(team, store=PrefixStore(attempt, store))


def check_devices(team: Team, device: Device) -> None:
    """Raises `UserError` if this machine has more processes than GPUs to train on."""
    there = torch.cuda.device_count()
    if team.size > 1 and device.torch.type == "cuda" and team.local > there:
        raise refuse(
            "torchrun",
            f"{team.local} processes on this machine, but {there} GPUs",
            f"at most {there} processes",
            f"torchrun --nproc-per-node {there}",
        )


def choose_mode(wanted: str, team: Team, device: Device, parameters: int, most: int | None = None) -> tuple[Mode, str]:
    """How the model's state lies, and why. ddp where it fits into half of the card, or of the `most` bytes that may be
    used of it: no gathering is cheaper."""
    if wanted != "auto":
        return wanted, "as asked"  # type: ignore[return-value]
    if device.torch.type != "cuda":
        return "ddp", "no card's memory to save"
    memory = most or torch.cuda.get_device_properties(device.torch).total_memory
    state = parameters * STATE_BYTES
    if state <= STATE_SHARE * memory:
        return "ddp", f"a state of {say_bytes(state)} fits into half of {say_bytes(memory)}"
    mode: Mode = "hybrid" if team.local < team.size else "fsdp"
    return mode, f"a state of {say_bytes(state)} is more than half of {say_bytes(memory)}"
