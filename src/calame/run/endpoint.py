"""A client of OpenAI-compatible endpoints (chat completions; Ollama's, llama.cpp's and vLLM's under /v1 too).

Answers are kept on disk under the hash of the whole request, so that what was paid for is never asked again.
"""

from __future__ import annotations

import difflib
import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from calame.recipe.errors import UserError, refuse
from calame.run.files import digest
from calame.run.http import SHOWN, HttpError, Patience, fetch
from calame.run.journal import Journal

T = TypeVar("T")
Message = Mapping[str, str]  # {"role": "system" | "user" | "assistant", "content": text}
GARBAGE_TRIES = 3  # of a request that is answered with something else than a chat completion
FAULTS_IN_A_ROW = 8  # after which the endpoint, and not a request, is at fault
PATIENCE = Patience(attempts=5, most=30)


@dataclass(frozen=True)
class Model:
    """Which model is asked, and how. `key_variable` names the environment variable that holds the API key; the key
    itself is never written anywhere. `most_requests` bounds what is newly asked (answers from the cache are free)."""

    url: str  # as http://localhost:11434/v1
    name: str
    key_variable: str | None = None
    temperature: float = 0.0
    max_tokens: int = 512
    timeout: float = 120.0  # seconds
    at_once: int = 4  # requests
    most_requests: int | None = None


@dataclass(frozen=True)
class Answer:
    """What the model said; or, where nothing usable came, `fault` says why. `tokens`: prompt and answer together."""

    text: str
    fault: str = ""
    cached: bool = False
    tokens: int = 0


class Endpoint:
    """`with Endpoint(model, cache=path) as endpoint: endpoint.ask(messages)`. Raises `UserError` where the endpoint
    itself is wrong (not there, the key refused, no such model, garbage only, the budget spent)."""

    def __init__(self, model: Model, cache: Path | None = None, patience: Patience = PATIENCE):
        self.model = model
        self.url = model.url.rstrip("/")
        self._key = _key(model.key_variable)
        self._stopped = threading.Event()
        self._patience = replace(patience, timeout=model.timeout, sleep=self._pause)
        self._lock = threading.Lock()
        self.asked = self.tokens = self._faults = 0
        self._journal = Journal(cache) if cache else None
        self._places = {row["key"]: at for at, row in self._journal.places() if "key" in row} if self._journal else {}

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._journal:
            self._journal.close()

    def check(self) -> None:
        """Raises `UserError` if nobody answers, the key is refused, or the endpoint lists its models without ours."""
        once = Patience(attempts=1, timeout=min(10.0, self.model.timeout))
        try:
            listed = json.loads(fetch(f"{self.url}/models", once, headers=self._headers()))
            names = [entry["id"] for entry in listed["data"]]
        except HttpError as error:
            if error.status is None or error.status in (401, 403):
                raise self._refused(error) from None
            return  # not every endpoint lists its models
        except (ValueError, LookupError, TypeError):
            return
        if names and self.model.name not in names and f"{self.model.name}:latest" not in names:
            raise self._no_model(names)

    def ask(self, messages: Sequence[Message], seed: int | None = None) -> Answer:
        """The answer to one conversation, from the cache if it is there. Safe to call from several threads."""
        request = self._request(messages, seed)
        key = digest({"url": self.url, **request})
        with self._lock:
            place = self._places.get(key)
        if place is not None and self._journal:
            row = self._journal.at(place)
            return Answer(row["text"], cached=True, tokens=row["tokens"])
        self._spend()
        answer = self._post(request)
        with self._lock:
            self.tokens += answer.tokens
            self._faults = self._faults + 1 if answer.fault else 0
            if self._journal and not answer.fault:
                row = {"key": key, "model": self.model.name, "text": answer.text, "tokens": answer.tokens}
                self._places[key] = self._journal.add(row)
            if self._faults >= FAULTS_IN_A_ROW:
                raise self._only_faults(answer.fault)
        return answer

    def ask_all(self, requests: Iterable[tuple[T, Sequence[Message], int | None]]) -> Iterator[tuple[T, Answer]]:
        """(what, answer) for each (what, messages, seed), in their order, several asked at once. Closing the iterator
        lets the requests that are under way end, and asks no more."""
        waiting: deque[tuple[T, Future[Answer]]] = deque()
        pool = ThreadPoolExecutor(self.model.at_once, "endpoint")
        try:
            for what, messages, seed in requests:
                waiting.append((what, pool.submit(self.ask, messages, seed)))
                if len(waiting) >= 2 * self.model.at_once:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for what, future in waiting:
                yield what, future.result()
        finally:
            self._stopped.set()  # whoever waits to ask again wakes up, and gives up
            pool.shutdown(wait=True, cancel_futures=True)
            self._stopped.clear()

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise HttpError(self.url, None, "not asked any more", passing=False)

    def cost(self) -> str:
        return f"{self.asked:,} requests newly made, {self.tokens:,} tokens as the endpoint counts them"

    def _request(self, messages: Sequence[Message], seed: int | None) -> dict[str, Any]:
        model = self.model
        request = {"model": model.name, "messages": [dict(message) for message in messages]}
        request |= {"temperature": model.temperature, "max_tokens": model.max_tokens, "stream": False}
        return request if seed is None else {**request, "seed": seed}

    def _headers(self) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return {"Content-Type": "application/json", **bearer}

    def _spend(self) -> None:
        with self._lock:
            if self.model.most_requests is not None and self.asked >= self.model.most_requests:
                raise refuse(
                    "--requests",
                    f"{self.asked} requests were made, as many as were allowed",
                    remedy="what was answered is kept; the same command goes on with as many again",
                )
            self.asked += 1

    def _post(self, request: dict[str, Any]) -> Answer:
        fault = ""
        for _ in range(GARBAGE_TRIES):
            try:
                body = fetch(
                    f"{self.url}/chat/completions", self._patience, json.dumps(request).encode(), self._headers()
                )
            except HttpError as error:
                if error.status in (None, 401, 403, 404, 429) or self._stopped.is_set():
                    raise self._refused(error) from None
                return Answer("", fault=self._hidden(error.found))  # too long, or not to this server's taste
            answer = _completion(body)
            if not answer.fault:
                return answer
            fault = self._hidden(answer.fault)
        return Answer("", fault=fault)

    def _hidden(self, text: str) -> str:
        """Some servers repeat the key that they refuse."""
        return text.replace(self._key, "***") if self._key else text

    def _refused(self, error: HttpError) -> UserError:
        found = self._hidden(error.found)
        if error.status is None:
            remedy = "start the server (as: ollama serve), or correct the address, which mostly ends in /v1"
            return refuse(self.url, found, remedy=f"{remedy}; what was answered is kept")
        if error.status in (401, 403):
            held = f"the key in {self.model.key_variable}" if self._key else "a request without a key"
            return refuse(self.url, f"{held} was refused ({found})", remedy="--key-variable NAME_OF_A_VARIABLE")
        if error.status == 429:
            remedy = "wait, or ask fewer at once; the same command goes on, what was answered is kept"
            return refuse(self.url, f"too many requests, again and again ({found})", remedy=remedy)
        return refuse(
            self.url,
            f"no model {self.model.name!r} here, or no chat completions ({found})",
            remedy="check the model's name (curl URL/models lists them) and the address, which mostly ends in /v1",
        )

    def _no_model(self, names: list[str]) -> UserError:
        near = difflib.get_close_matches(self.model.name, names, n=1)
        return refuse(
            self.url,
            f"no model {self.model.name!r}",
            f"one of {', '.join(names[:20])}" + (", ..." if len(names) > 20 else ""),
            f"did you mean {near[0]}?" if near else "load it there first",
        )

    def _only_faults(self, fault: str) -> UserError:
        return refuse(
            self.url,
            f"{FAULTS_IN_A_ROW} requests in a row had no usable answer; the last: {fault}",
            "answers as OpenAI's chat completions",
            "look at the server's log; what was answered before is kept",
        )


def _key(variable: str | None) -> str:
    if not variable:
        return ""
    if not os.environ.get(variable):
        raise refuse("--key-variable", f"the environment has no {variable}", remedy=f"export {variable}=KEY")
    return os.environ[variable]


def _completion(body: bytes) -> Answer:
    """The text of a chat completion, or what was found in its place."""
    shown = " ".join(body.decode("utf-8", "replace").split())[:SHOWN]
    try:
        data = json.loads(body)
        text = data["choices"][0]["message"]["content"]
        used = data.get("usage") or {}
        tokens = used.get("total_tokens") or 0
    except (ValueError, LookupError, TypeError, AttributeError):
        return Answer("", fault=f"not a chat completion: {shown or 'nothing at all'}")
    if not isinstance(text, str) or not text.strip():
        return Answer("", fault=f"an empty answer: {shown}")
    if not _is_unicode(text):
        return Answer("", fault="not Unicode text (lone surrogates)")
    return Answer(text, tokens=tokens if isinstance(tokens, int) else 0)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
