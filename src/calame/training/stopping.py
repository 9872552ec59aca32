"""Requests to stop: SIGINT, SIGTERM, SIGUSR1 and the deadline. A run answers them by saving and leaving cleanly.

They are looked at after each step, and by `poll` within whatever can be cut short and done again, as validation.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from calame.recipe.units import say_seconds
from calame.run.progress import BEGAN, say

INTERRUPTED = 130  # exit code of SIGINT and SIGTERM: whoever stopped it decides when it goes on
REQUEUE = 75  # exit code of SIGUSR1 and the deadline (EX_TEMPFAIL of sysexits.h): a scheduler may start it again
CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: INTERRUPTED, signal.SIGUSR1: REQUEUE}
IMPATIENCE = 1.0  # seconds; two SIGINT within it are one: launchers forward the terminal's to those who had it already


class Interrupted(Exception):
    """The user or the machine asked to stop; everything so far is saved. `code`: exit code of the program."""

    def __init__(self, words: str, code: int = INTERRUPTED):
        super().__init__(words)
        self.code = code


class Cut(Exception):
    """Raised by `poll`: what was being done is to be left, since a stop was asked for."""


class Requests:
    """What was asked of one run so far. deadline: seconds since the program began."""

    def __init__(self, deadline: float | None):
        self.deadline = deadline
        self.code: int | None = None
        self.since = 0.0
        self.nothing_to_save = False  # while no step is done yet, a signal needs not wait for the end of one

    def asked(self) -> int | None:
        """The exit code to leave with, once a stop was asked for."""
        if self.code is None and self.deadline is not None and time.monotonic() - BEGAN >= self.deadline:
            self.code = REQUEUE
            say(f"  the deadline of {say_seconds(self.deadline)} is reached: saving")
        return self.code

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.code is not None:
            if number == signal.SIGINT and now - self.since > IMPATIENCE:
                raise KeyboardInterrupt
            return
        self.code, self.since = CODES[signal.Signals(number)], now
        if self.nothing_to_save:  # also within a long wait, for a compiler or for data
            raise Cut
        say("  asked to stop: finishing the step, then saving")


_open: list[Requests] = []


@contextmanager
def requests(deadline: float | None = None) -> Iterator[Requests]:
    """Listen to requests while a run is at work. Only a second SIGINT stops it at once."""
    here, old = Requests(deadline), {}
    try:
        for number in CODES:
            old[number] = signal.signal(number, here.on_signal)
    except ValueError:  # not in the main thread: whoever runs us there stops us in his own way
        pass
    _open.append(here)
    try:
        yield here
    finally:
        _open.pop()
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def requeue_at_usr1() -> Iterator[None]:
    """Outside of training SIGUSR1 leaves at once, with the code that asks to be started again; as SIGINT does with its
    own. A stage that is not trained is made again."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise Interrupted("asked to stop; the same command goes on", REQUEUE)

    try:
        old = signal.signal(signal.SIGUSR1, leave)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, old)


def poll() -> None:
    """Raise `Cut` if the run at work is asked to stop. To be called within what can be done again."""
    if _open and _open[-1].asked() is not None:
        raise Cut
