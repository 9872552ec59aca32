"""What stands before every request: who may ask, how much may be sent, and what the page may load."""

from __future__ import annotations

import asyncio
import re
from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request as Http
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calame.inference.server.refusal import TOO_LARGE, TOO_SLOW, Refused
from calame.inference.server.settings import Settings
from calame.recipe.errors import Problem

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
READING = 30.0  # seconds for a body to come
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Guard:
    """Asks for the key where there is one. Where there is none, only this machine's own names are answered: a page of
    the web could else have its name mean this machine (DNS rebinding), and read answers."""

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        try:
            self._check(scope["path"], Headers(scope=scope))
        except Refused as refused:
            await refused.response()(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def _check(self, path: str, headers: Headers) -> None:
        key = self.settings.key
        if key is None:
            host = re.sub(r":\d+$", "", headers.get("host", "")).lower()
            if not self.settings.open and host not in LOOPBACK:
                remedy = "ask by one of these, or start the server with a key"
                raise Refused(403, Problem("Host", "another name than this machine's", ", ".join(LOOPBACK), remedy))
        elif path.startswith("/v1/") or path == "/metrics":
            shown = headers.get("authorization", "")
            if not compare_digest(shown.encode(), f"Bearer {key}".encode()):
                found = "not this server's key" if shown else "no key"
                problem = Problem("Authorization", found, "Bearer and the key")
                raise Refused(401, problem, "invalid_api_key", {"WWW-Authenticate": "Bearer"})


async def body_of(http: Http, most: int) -> bytes:
    """The whole body, at most so many bytes. Raises `Refused`, or `ClientDisconnect`."""
    too_large = Refused(TOO_LARGE, Problem("body", f"more than {most:,} bytes", f"at most {most:,} bytes"))
    length = http.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READING):
            async for part in http.stream():
                body += part
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        problem = Problem("body", f"not there after {READING:g} s")
        raise Refused(TOO_SLOW, problem, headers={"Connection": "close"}) from None
    return bytes(body)
