"""Several processes that train together, for tests: each a fork with the environment that torchrun would give it."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from torch.distributed import TCPStore

from calame.training import parallel

FORK = multiprocessing.get_context("fork")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def together(size: int, work: Callable[..., Any], *arguments: Any, local: int | None = None, most: float = 60) -> list:
    """What `work(*arguments)` returns in each of `size` processes, in the order of their ranks.

    An exception is returned in its place, as text. Whoever is not done after `most` seconds is killed: a failure."""
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # torchrun's agent has it: it outlives all
    pipes = [FORK.Pipe(duplex=False) for _ in range(size)]
    members = [
        FORK.Process(target=_member, args=(rank, size, local or size, store.port, pipes[rank][1], work, arguments))
        for rank in range(size)
    ]
    for member, (_, ours) in zip(members, pipes, strict=True):
        member.start()
        ours.close()
    ends = [pipe for pipe, _ in pipes]
    try:
        found = {}
        while len(found) < size:
            ready = wait([end for end in ends if ends.index(end) not in found], most)
            assert ready, f"only processes {sorted(found)} of {size} have ended after {most} s: {found}"
            for end in ready:
                found[ends.index(end)] = _received(end)  # type: ignore[arg-type]
        return [found[rank] for rank in range(size)]
    finally:
        for member in members:
            member.kill()
            member.join()


def _received(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except EOFError:
        return "killed"


def _member(rank: int, size: int, local: int, port: int, pipe: Connection, work: Callable[..., Any], arguments: Any):
    place = {"RANK": rank, "WORLD_SIZE": size, "LOCAL_RANK": rank % local, "LOCAL_WORLD_SIZE": local}
    os.environ |= {name: str(value) for name, value in place.items()}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    parallel.join.cache_clear()
    try:
        result = work(*arguments)
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
    pipe.send(result)
    pipe.close()
    os._exit(0)
