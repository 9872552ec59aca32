"""Batches prepared ahead are those that would have been made on time."""

from __future__ import annotations

import gc
import threading

import numpy as np
from pytest import raises

from builders import random_rows
from calame.shards.rows import Rows
from calame.training.ahead import Ahead, collected_rarely


class Counting:
    """Rows that depend on the position; says who asked for what, and fails past `end`."""

    context, masked, end = 8, True, 1000

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, str]] = []
        self.busy = threading.Lock()

    def batch(self, position: int, tokens: int) -> Rows:
        assert self.busy.acquire(blocking=False), "asked by two threads at once"
        try:
            self.asked.append((position, tokens, threading.current_thread().name))
            if position + tokens > self.end:
                raise IndexError(position)
            return random_rows(tokens // self.context, self.context, seed=position)
        finally:
            self.busy.release()


def test_in_order_every_batch_is_made_once_and_after_the_first_by_the_second_thread() -> None:
    data = Counting()
    with Ahead(data) as ahead:
        for position in range(0, 160, 16):
            assert np.array_equal(ahead.batch(position, 16).tokens, random_rows(2, 8, seed=position).tokens)
        assert ahead.waited > 0
    made = sorted(data.asked)
    assert [at for at, _, _ in made[:10]] == list(range(0, 160, 16))
    assert all(name.startswith("next-batch") for _, _, name in made[1:])


def test_out_of_order_and_other_sizes_are_served_too() -> None:
    with Ahead(Counting()) as ahead:
        for position, tokens in ((0, 16), (64, 16), (80, 32), (0, 8), (8, 8), (8, 8)):
            found = ahead.batch(position, tokens)
            assert np.array_equal(found.tokens, random_rows(tokens // 8, 8, seed=position).tokens)


def test_a_stop_does_not_wait_for_a_batch() -> None:
    data = Counting()
    with Ahead(data) as ahead:
        ahead.wait(0, 16, lambda: False)  # nothing is prepared yet
        data.busy.acquire()
        try:
            data.batch = lambda position, tokens: data.busy.acquire() and random_rows(2, 8)  # type: ignore[method-assign]
            ahead._next = ((16, 16), ahead._thread.submit(data.batch, 16, 16))
            looks = iter((False, False, True))
            ahead.wait(16, 16, lambda: next(looks))
            assert next(looks, None) is None and not ahead._next[1].done()
        finally:
            data.busy.release()
        ahead.wait(16, 16, lambda: False)
        assert ahead._next[1].done()


def test_the_end_of_the_data_is_an_error_only_for_who_asks_for_more() -> None:
    with Ahead(Counting()) as ahead:
        ahead.batch(968, 32)
        with raises(IndexError):
            ahead.batch(1000, 32)


def test_the_collector_is_off_within_and_on_again_after() -> None:
    with collected_rarely():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with collected_rarely():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
