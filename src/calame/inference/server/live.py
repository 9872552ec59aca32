"""An answer while it is made: read piece by piece until its time is over, and given up when its reader is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import TypeVar

from starlette.requests import Request as Http
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from calame.inference.engine import Busy, Closed, Engine, Piece
from calame.inference.request import Request
from calame.inference.server.answers import Answer
from calame.inference.server.refusal import BUSY, CLOSED, Refused
from calame.recipe.errors import Problem

SLOW = 10.0  # seconds past its time that a reader has for what it has not taken yet
T = TypeVar("T")


class Gone(Exception):
    """The client has closed the connection."""


class Live:
    """Pieces of an answer. seconds: from now to its end; what is there by then is the answer."""

    def __init__(self, engine: Engine, request: Request, seconds: float):
        self.pieces = engine.stream_async(request)
        self.end = asyncio.get_running_loop().time() + seconds
        self.begun = False

    async def next(self) -> Piece:
        """Raises `Refused` where no place was free in time, or the engine is closed."""
        try:
            async with asyncio.timeout_at(self.end):
                piece = await anext(self.pieces)
        except TimeoutError:
            if not self.begun:
                raise busy("no answer could begin in time") from None
            return Piece("", (), (), "cancelled")
        except Busy as error:
            raise busy(str(error)) from None
        except Closed as error:
            raise Refused(CLOSED, Problem("server", str(error.__cause__ or error))) from error
        self.begun = True
        return piece

    async def close(self) -> None:
        """Give up what is still to come."""
        await self.pieces.aclose()


def busy(found: str) -> Refused:
    return Refused(BUSY, Problem("server", found, remedy="try again later"), "busy", {"Retry-After": "1"})


async def unless_gone(http: Http, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled, and `Gone` raised, when the client leaves before. Its body was read."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_until_gone(http))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


async def _until_gone(http: Http) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


async def whole(answer: Answer, live: Live) -> Answer:
    """All of an answer."""
    async with aclosing(live.pieces):
        while answer.finish is None:
            answer.take(await live.next())
    return answer


class EventStream(StreamingResponse):
    """An answer as server-sent events. However its reader goes, what is still to come is given up."""

    media_type = "text/event-stream"

    def __init__(self, answer: Answer, live: Live, first: Piece):
        self.live = live
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter is for nginx
        super().__init__(_events(answer, live, first), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout_at(self.live.end + SLOW):
                await super().__call__(scope, receive, send)
        finally:
            await self.live.close()


async def _events(answer: Answer, live: Live, first: Piece) -> AsyncIterator[bytes]:
    for chunk in answer.first():
        yield event(chunk)
    piece = first
    while True:
        for chunk in answer.chunks(piece):
            yield event(chunk)
        if answer.finish is not None:
            break
        try:
            piece = await live.next()
        except Refused as refused:  # the status is sent already: the error is an event
            yield event(refused.body())
            return
    yield b"data: [DONE]\n\n"


def event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
