"""A server of our own in a thread of this process, and ways to ask it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openai

from builders import ScriptedModel, config_of, loaded_of, tokenizer_of
from calame.inference.engine import Engine
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.inference.server.serve import listening, server_of
from calame.inference.server.settings import Served, Settings
from calame.inference.server.template import mute

GREEDY = Sampling(limit=60)


@dataclass
class Site:
    port: int
    served: Served

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def engine(self) -> Engine:
        return self.served.engine

    def client(self, key: str = "none") -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, body (read as JSON where it is), headers. body: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, raw, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            found = response.read()
            told = {name.lower(): value for name, value in response.getheaders()}
            is_json = told.get("content-type", "") == "application/json"
            return response.status, json.loads(found) if is_json else found, told
        finally:
            connection.close()

    def chat(self, *messages: dict[str, Any], **fields: Any) -> tuple[int, Any, dict[str, str]]:
        return self.ask("POST", "/v1/chat/completions", {"model": "essai", "messages": list(messages), **fields})

    def until(self, condition: Any, seconds: float = 30) -> None:
        """Until the engine's counts satisfy `condition`."""
        end = time.monotonic() + seconds
        while not condition(self.engine.counts):
            assert time.monotonic() < end, self.engine.counts
            time.sleep(0.005)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@contextmanager
def serving(loaded: Loaded, **changes: Any) -> Iterator[Site]:
    """A model on a free port; `changes` to its settings."""
    settings = Settings(**{"name": "essai", "sampling": GREEDY, "port": 0, "slots": 4, **changes})
    settings.check()
    with (
        listening(settings) as listener,
        Engine(loaded, settings.slots, settings.context, settings.waiting) as engine,
    ):
        served = Served(loaded, engine, settings, mute(loaded))
        server = server_of(served)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield Site(listener.getsockname()[1], served)
        finally:
            server.should_exit = True
            thread.join()


def scripted(*texts: str, stop: bool = True, room: int = 4096, pace: float = 0.0) -> Loaded:
    """Says these texts in turn, each time it is asked the next; without `stop`, each again and again. pace: seconds
    of a token."""
    tokenizer = tokenizer_of()
    ends = [tokenizer.special.turn_end] if stop else []
    script = [tokenizer.encode(text) + ends for text in texts]
    return loaded_of(ScriptedModel(script, config_of(max_position_embeddings=room), pace))
