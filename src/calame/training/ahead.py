"""The next batch is laid out while the device works on this one; and Python's collector stays out of the steps."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from calame.shards.rows import Rows
from calame.training.batch import Data

LOOK = 0.2  # seconds between two looks whether to stop


class Ahead:
    """Batches of `data`, the one that follows always being prepared by a second thread.

    A batch is a function of its position: if another one is asked for than the one that was prepared, it is made then.
    waited: seconds spent waiting for batches so far.
    """

    def __init__(self, data: Data):
        self.data, self.waited = data, 0.0
        self._thread = ThreadPoolExecutor(1, "next-batch")
        self._next: tuple[tuple[int, int], Future[Rows]] | None = None

    def batch(self, position: int, tokens: int) -> Rows:
        """The rows at a token position, as `data.batch` gives them."""
        start = time.perf_counter()
        wanted, prepared = self._next or (None, None)
        if prepared is not None and wanted == (position, tokens):
            rows = prepared.result()
        else:
            if prepared is not None:
                prepared.exception()  # two threads never ask the data at once
            rows = self.data.batch(position, tokens)
        self.waited += time.perf_counter() - start
        following = (position + tokens, tokens)
        self._next = (following, self._thread.submit(self.data.batch, *following))
        return rows

    def wait(self, position: int, tokens: int, asked: Callable[[], object]) -> None:
        """Until the batch that comes next is laid out, or somebody asks to stop."""
        wanted, prepared = self._next or (None, None)
        start = time.perf_counter()
        while prepared is not None and wanted == (position, tokens) and not prepared.done() and not asked():
            wait([prepared], timeout=LOOK)
        self.waited += time.perf_counter() - start

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        """Give up what is being prepared."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@contextmanager
def collected_rarely() -> Iterator[None]:
    """Python's cyclic collector off: a collection in the midst of a step makes the device wait. Nothing in a step makes
    cycles; what does (validation, checkpoints) is collected by `gc.collect` between steps."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
