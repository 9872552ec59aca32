"""Engines: who makes the parts of a source. The local one works in this process or in several on this machine.

What comes out never depends on the engine: a part is a function of its files (part.py), and here it is only decided in
which process it is computed. Many files are dealt out whole, each to one process. A part that is more than a process's
share of the text is cut: this process reads, the others take batches through the steps, and their results are written
in order.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from calame.corpus.chain import Chain
from calame.corpus.part import Item, Job, Worked, batches, came_of, items_of, make_part, work, write_part
from calame.recipe.errors import refuse

LITTLE = 8_000_000  # bytes of files; less is done before a second process would have started
AHEAD = 2  # batches a process that are waited for at most, so that memory stays bounded

Advance = Callable[[int], None]  # is told of bytes that were worked on


class Engine(Protocol):
    """`make` makes parts of a job, in any order; finished ones stay whatever becomes of the others. `workers`: how many
    processes at a time were asked for, if that was."""

    @property
    def workers(self) -> int | None: ...

    def make(self, job: Job, numbers: Sequence[int], advance: Advance) -> None: ...


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Local:
    """Processes on this machine. `workers`: how many; None: all cores where that pays, else this process alone."""

    workers: int | None = None

    def make(self, job: Job, numbers: Sequence[int], advance: Advance) -> None:
        chain = job.make_chain()
        workers = self._count(job, numbers, chain)
        if workers == 1:
            for number in numbers:
                make_part(job, number, chain, advance)
            return
        whole, cut = self._deal(job, numbers, chain)
        with _processes(job, workers) as pool:
            for done in as_completed([pool.submit(_make_part, number) for number in whole]):
                advance(came_of(job, done.result()))
            for number in cut:
                write_part(job, number, _in_order(pool, batches(items_of(job, number)), workers), advance)

    def make_one(self, job: Job, number: int, most: int, advance: Advance) -> None:
        """Make one part of at most so many documents; nothing to do where it is there already."""
        if job.path(number).is_dir():
            return
        chain, found = job.make_chain(), batches(items_of(job, number, most))
        workers = self._count(job, [number], chain)
        if workers == 1:
            write_part(job, number, (work(batch, chain, job.reader.languages) for batch in found), advance)
            return
        with _processes(job, workers) as pool:
            write_part(job, number, _in_order(pool, found, workers), advance)

    def _count(self, job: Job, numbers: Sequence[int], chain: Chain) -> int:
        """How many processes to work with: without steps no more than there are parts, since parts stay whole."""
        most = self.workers or cores()
        if not chain.steps:
            most = min(most, max(1, len(numbers)))
        sizes = [job.size(number) for number in numbers]
        little = None not in sizes and sum(size or 0 for size in sizes) <= LITTLE
        return 1 if little and self.workers is None else most

    def _deal(self, job: Job, numbers: Sequence[int], chain: Chain) -> tuple[list[int], list[int]]:
        """The parts that a process takes whole, the largest first, and those that are cut into batches: where others
        would wait for the process that has it, and where there is something to do beside reading."""
        sizes = {number: job.size(number) for number in numbers}
        share = sum(size or 0 for size in sizes.values()) / (self.workers or cores())
        whole, cut = [], []
        for number, size in sizes.items():
            stays = not chain.steps or (size is not None and size <= share)
            (whole if stays else cut).append(number)
        return sorted(whole, key=lambda number: -(sizes[number] or 0)), cut


@contextmanager
def _processes(job: Job, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that know the job. They go when this block is left, by an error too, and when this process is killed.

    They are started anew, not forked: this process has threads by now (progress, libraries), and a fork would copy
    their locks."""
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (job,))
    try:
        yield pool
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        ours = set(multiprocessing.active_children()) - before
        for process in ours:
            process.terminate()
        for process in ours:
            process.join()
        if isinstance(error, BrokenProcessPool):
            raise refuse(
                "execution.corpus.workers",
                "a process ended before its work did (killed, or not enough memory)",
                remedy=f"the same command goes on; with less memory: execution.corpus.workers={max(1, workers // 2)}",
            ) from None
        raise
    pool.shutdown()


def _in_order(pool: ProcessPoolExecutor, found: Iterable[list[Item]], workers: int) -> Iterator[Worked]:
    """What the processes make of batches, in the batches' order."""
    waiting = deque()
    for batch in found:
        waiting.append(pool.submit(_work, batch))
        if len(waiting) >= AHEAD * workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


# In the processes:


def _begin(job: Job) -> None:
    """The job becomes this process's own; the chain is made when the first work comes, so that its errors get home."""
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


@cache
def _chain() -> Chain:
    return _job.make_chain()


def _make_part(number: int) -> int:
    make_part(_job, number, _chain(), lambda size: None)
    return number


def _work(batch: list[Item]) -> Worked:
    return work(batch, _chain(), _job.reader.languages)


_job: Job
