"""The engine of a server: one worker thread, one running batch, and requests that come and go at any time.

Submit from any thread, or from an event loop; read the answer piece by piece; leave it, and its row is free. Memory is
taken at the start: rows, their caches, and a bounded queue of those that wait.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field

from calame.inference.batch import Batch
from calame.inference.load import Loaded
from calame.inference.request import Logprob, Request
from calame.inference.speculative import AHEAD, check_draft

SLOTS, WAITING = 32, 256
log = logging.getLogger("calame")


class Busy(Exception):
    """So many requests wait already that no other is taken."""


class Closed(Exception):
    """The engine was closed, or failed (`__cause__`), before the answer's end."""


@dataclass(frozen=True)
class Piece:
    """What is new of an answer. finish: at its end "stop" (an id or a string), "length" or "cancelled", else None."""

    text: str
    ids: tuple[int, ...]
    logprobs: tuple[Logprob, ...] = ()
    finish: str | None = None

    @staticmethod
    def joined(news: Sequence[Piece | Exception]) -> Piece:
        """Neighbouring pieces as one. Raises the error that is among them."""
        for piece in news:
            if isinstance(piece, Exception):
                raise piece
        pieces = [piece for piece in news if isinstance(piece, Piece)]
        if len(pieces) == 1:
            return pieces[0]
        ids = tuple(token for piece in pieces for token in piece.ids)
        logprobs = tuple(logprob for piece in pieces for logprob in piece.logprobs)
        return Piece("".join(piece.text for piece in pieces), ids, logprobs, pieces[-1].finish)


@dataclass(eq=False)
class Ticket:
    """A request in the engine. tell: called in the worker's thread with each piece, and with the error if it fails."""

    request: Request
    tell: Callable[[Piece | Exception], None]
    ids: int = 0  # of the answer, told so far
    text: int = 0  # characters, likewise
    cancelled: bool = False
    over: bool = False

    def cancel(self) -> None:
        """Give the answer up, from any thread."""
        self.cancelled = self.request.ended = True

    def news(self) -> Piece | None:
        """What the request has gained since the last time."""
        request, ids = self.request, self.request.ids
        ended = request.ended
        if self.over or not (ended or len(ids) > self.ids):
            return None
        self.over, finish = ended, None
        if ended:
            finish = "cancelled" if self.cancelled else "stop" if request.stopped else "length"
        piece = Piece(request.text[self.text :], tuple(ids[self.ids :]), tuple(request.logprobs[self.ids :]), finish)
        self.ids, self.text = len(ids), len(request.text)
        return piece


@dataclass
class Counts:
    """What the engine has done and is doing."""

    running: int = 0
    waiting: int = 0
    requests: int = 0  # that ended
    tokens: int = 0  # generated
    proposed: int = 0  # by the draft
    accepted: int = 0


@dataclass
class Engine:
    """Serves `slots` requests side by side, each of at most `size` tokens (default: the model's positions), while at
    most `waiting` wait. `with Engine(loaded) as engine: ...`; ready: set once the first request would be answered at
    once. Raises `UserError` for a draft that cannot serve."""

    loaded: Loaded
    slots: int = SLOTS
    size: int | None = None
    waiting: int = WAITING
    draft: Loaded | None = None
    ahead: int = AHEAD
    counts: Counts = field(default_factory=Counts)
    ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if self.draft is not None:
            check_draft(self.loaded, self.draft)
        self.size = min(self.size or 10**9, self.loaded.model.config.max_position_embeddings)
        self._queue: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._worker = threading.Thread(target=self._serve, name="calame-engine", daemon=True)
        self._worker.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, request: Request, tell: Callable[[Piece | Exception], None]) -> Ticket:
        """Queue a request; `tell` hears of it from the worker's thread. Raises `Busy`, or `Closed`."""
        assert self.size and request.most <= self.size, "a request longer than the engine's rows"
        ticket = Ticket(request, tell)
        with self._changed:
            if self._closing:
                raise Closed("the engine is closed") from self._error
            if sum(not other.cancelled for other in self._queue) >= self.waiting:
                raise Busy(f"{self.waiting} requests are waiting")
            self._queue.append(ticket)
            self.counts.waiting = len(self._queue)
            self._changed.notify()
        return ticket

    def stream(self, request: Request) -> Generator[Piece, None, None]:
        """The answer piece by piece. Whoever stops reading has cancelled it."""
        pieces: queue.SimpleQueue[Piece | Exception] = queue.SimpleQueue()
        ticket = self.submit(request, pieces.put)
        try:
            finish = None
            while finish is None:
                piece = pieces.get()
                if isinstance(piece, Exception):
                    raise piece
                finish = piece.finish
                yield piece
        finally:
            ticket.cancel()

    async def stream_async(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The same in an event loop, which is never held up: what has come while it was busy is one piece."""
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[Piece | Exception]()

        def tell(piece: Piece | Exception) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        ticket = self.submit(request, tell)
        try:
            finish = None
            while finish is None:
                news = [await pieces.get()]
                news += [pieces.get_nowait() for _ in range(pieces.qsize())]
                piece = Piece.joined(news)
                finish = piece.finish
                yield piece
        finally:
            ticket.cancel()

    @property
    def error(self) -> Exception | None:
        """What the worker failed with, if it did."""
        return self._error

    def wait(self) -> None:
        """Until it is over: closed, or failed."""
        self._worker.join()

    def close(self) -> None:
        """End: what runs or waits hears `Closed`; returns when the worker is gone. Harmless when called again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if threading.current_thread() is not self._worker:
            self._worker.join()

    def _serve(self) -> None:
        live: list[Ticket] = []
        try:
            assert self.size
            batch = Batch(self.loaded, self.slots, self.size, self.draft, self.ahead)
            batch.warm()
            self.ready.set()
            while (joining := self._next(batch, live)) is not None:
                live += joining
                batch.join([ticket.request for ticket in joining if not ticket.cancelled])
                batch.step()
                live = self._tell(batch, live)
        except Exception as error:
            self._error = error
        finally:
            self.ready.set()
            self._end(live)

    def _next(self, batch: Batch, live: list[Ticket]) -> list[Ticket] | None:
        """Those who may join now, and those who gave up while they waited, after waiting for the first where nothing
        runs; None: it is over."""
        with self._changed:
            while not (self._queue or live or self._closing):
                self._changed.wait()
            if self._closing:
                return None
            joining, waiting = list[Ticket](), deque[Ticket]()
            for ticket in self._queue:
                (joining if ticket.cancelled or len(joining) < batch.free else waiting).append(ticket)
            self._queue = waiting
            self.counts.waiting = len(waiting)
            return joining

    def _tell(self, batch: Batch, live: list[Ticket]) -> list[Ticket]:
        """Tell everyone what is new; returns those who go on."""
        for ticket in live:
            if (piece := ticket.news()) is not None:
                self.counts.tokens += len(piece.ids)
                self.counts.requests += piece.finish is not None
                _tell(ticket, piece)
        going_on = [ticket for ticket in live if not ticket.over]
        self.counts.running = len(going_on)
        self.counts.proposed, self.counts.accepted = batch.proposed, batch.accepted
        return going_on

    def _end(self, live: list[Ticket]) -> None:
        with self._changed:
            self._closing = True
            live = [*live, *self._queue]
            self._queue.clear()
        for ticket in live:
            ticket.cancel()
            error = Closed("the engine was closed before the answer's end")
            error.__cause__ = self._error
            _tell(ticket, error)
            ticket.over = True


def _tell(ticket: Ticket, news: Piece | Exception) -> None:
    """A listener that is gone (its event loop closed), or fails, is no reason for the others to wait."""
    try:
        ticket.tell(news)
    except Exception:  # whatever it raises is its own matter
        log.debug("a listener failed; its request is given up", exc_info=True)
        ticket.cancel()
