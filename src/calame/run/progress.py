"""What long work shows: a bar with rate and time left on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from calame.recipe.units import say_bytes, say_count, say_seconds
from calame.run.launch import chief

console = Console(highlight=False, quiet=not chief())  # of several processes one speaks
log = logging.getLogger("calame")
LINE_EVERY = 15.0  # seconds between lines where there is no terminal
BEGAN = time.monotonic()  # when the program did, near enough: every verb imports this first


def say(text: str) -> None:
    """Tell the user, and the run's log."""
    console.print(text, markup=False, soft_wrap=True)
    log.info(text)


def program() -> str:
    """How the user can call this program again: `calame`, or the path of the one that runs."""
    if shutil.which("calame"):
        return "calame"
    return sys.argv[0] if Path(sys.argv[0]).name == "calame" else f"{Path(sys.executable).name} -m calame"


class Bar:
    """`with Bar("shards", total, "tokens") as bar: bar.advance(n, note)`; total None when it is not known."""

    def __init__(self, label: str, total: float | None, unit: str, done: float = 0):
        self.label, self.total, self.unit = label, total, unit
        self.first, self.done = done, done
        self.start = self.said = time.monotonic()
        self.note = ""
        self._rich: Progress | None = None

    def __enter__(self) -> Bar:
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
            )
            self._rich = Progress(*columns, console=console, transient=True)
            self._rich.start()
            self._task = self._rich.add_task(self.label, total=self.total, completed=int(self.done), note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rich:
            self._rich.stop()
        if kind is None:
            say(f"  {self.label}: {self._state()} in {say_seconds(time.monotonic() - self.start)} {self.note}".rstrip())

    def advance(self, amount: float, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        now = time.monotonic()
        if self._rich:
            self._rich.update(self._task, completed=self.done, note=f"{self._state()} {self.note}")
        elif now - self.said > LINE_EVERY:
            self.said = now
            say(f"  {self.label}: {self._state()}{self._left()} {self.note}".rstrip())

    def rate(self) -> float:
        """Units a second since the start."""
        return (self.done - self.first) / max(time.monotonic() - self.start, 1e-9)

    def _state(self) -> str:
        of = f"{self._number(self.done)} of " if self.total and self.done < self.total else ""
        whole = self.total if of and self.total else self.done
        return f"{of}{self._amount(whole)} at {self._amount(self.rate())}/s"

    def _number(self, number: float) -> str:
        return say_bytes(number) if self.unit == "bytes" else say_count(number)

    def _amount(self, number: float) -> str:
        return self._number(number) if self.unit == "bytes" else f"{self._number(number)} {self.unit}"

    def _left(self) -> str:
        if not self.total or self.rate() <= 0:
            return ""
        return f", {say_seconds((self.total - self.done) / self.rate())} left"
