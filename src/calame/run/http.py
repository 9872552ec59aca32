"""Requests over HTTP that wait and ask again: a server that is down for a moment, or busy, is not an error yet."""

from __future__ import annotations

import http.client
import random
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import calame
from calame.run.progress import say

PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that another attempt may turn into a better one
SHOWN = 300  # characters of a server's complaint that are repeated
AGENT = f"calame/{calame.__version__}"


class HttpError(Exception):
    """A request that failed. `status` is None where no answer came; `passing` says whether asking again may help, and
    `wait` how many seconds the server asked for."""

    def __init__(self, url: str, status: int | None, found: str, passing: bool, wait: float = 0):
        self.url, self.status, self.found, self.passing, self.wait = url, status, found, passing, wait
        super().__init__(f"{url}: {found}")


@dataclass(frozen=True)
class Patience:
    """How often a request is made, and how long it waits between: twice as long each time, a random part of it so that
    many clients do not come back together."""

    attempts: int = 8  # without progress
    first: float = 1.0  # seconds before the second attempt
    most: float = 60.0  # seconds; the longest wait of our own
    obeyed: float = 900.0  # seconds; a server that asks for more (Retry-After) is given up
    timeout: float = 60.0  # seconds without a byte
    sleep: Callable[[float], object] = time.sleep


class Attempts:
    """Counts the attempts of one request: `failed` waits for the next one, or raises the error when it is no use."""

    def __init__(self, patience: Patience):
        self.patience, self.made = patience, 0

    def failed(self, error: HttpError) -> None:
        self.made += 1
        if not error.passing or self.made >= self.patience.attempts or error.wait > self.patience.obeyed:
            raise error
        own = min(self.patience.first * 2 ** (self.made - 1), self.patience.most) * random.uniform(0.5, 1)
        wait = max(own, error.wait)
        if wait >= 5:
            say(f"  {error.found}; asking again in {wait:.0f} s")
        self.patience.sleep(wait)

    def progressed(self) -> None:
        """Something was read: the next failure counts as the first."""
        self.made = 0


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but a key that was meant for one host is not told to another."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and new.host != req.host:
            new.remove_header("Authorization")
        return new


_opener = urllib.request.build_opener(_SameHost)


def open_url(
    url: str, patience: Patience, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    """One attempt: the open answer, to be read and closed by the caller. Raises `HttpError`."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise HttpError(url, None, "not an address of the web", passing=False)
    request = urllib.request.Request(url, body, {"User-Agent": AGENT, **(headers or {})})
    try:
        return _opener.open(request, timeout=patience.timeout)
    except Exception as error:
        raise as_http_error(url, error) from None


def fetch(url: str, patience: Patience, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """The whole body of an answer, asked for as often as patience allows. Raises `HttpError`."""
    attempts = Attempts(patience)
    while True:
        try:
            with open_url(url, patience, body, headers) as answer:
                try:
                    return answer.read()
                except Exception as error:
                    raise as_http_error(url, error) from None
        except HttpError as error:
            attempts.failed(error)


def as_http_error(url: str, error: Exception) -> HttpError:
    """What went wrong with a request, in words. Errors that are not of the network are raised as they are."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        with error:
            complaint = " ".join(_read_some(error).split())[:SHOWN]
        found = f"{error.code} {error.reason}" + (f": {complaint}" if complaint else "")
        return HttpError(url, error.code, found, error.code in PASSING, retry_after(error.headers.get("Retry-After")))
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, ssl.SSLCertVerificationError):
        return HttpError(url, None, f"its certificate is not valid: {error.verify_message}", passing=False)
    if isinstance(error, TimeoutError):
        return HttpError(url, None, "no answer in time", passing=True)
    if isinstance(error, (ConnectionError, http.client.HTTPException, urllib.error.URLError, OSError)):
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return HttpError(url, None, f"no answer ({words})", passing=True)
    raise error


def _read_some(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""


def retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header asks for, given as a number or as a date (RFC 9110, 10.2.3); 0 without one."""
    if not value:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
