"""Figures of a server in Prometheus' form: what the engine has done and is doing, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calame.inference.engine import Engine

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """All figures of one server; `page` writes them."""

    def __init__(self, engine: Engine):
        self.registry = CollectorRegistry()
        self.registry.register(OfEngine(engine))
        self.responses = Counter(
            "calame_responses", "Responses by path and status", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "calame_response_seconds", "From a request to its response's end", ("path",), "", "", "", self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.first = Histogram(
            "calame_first_token_seconds", "From a request to its answer's first piece", registry=self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        self.prompt = Counter("calame_prompt_tokens", "Tokens of prompts", registry=self.registry)

    def page(self) -> bytes:
        return generate_latest(self.registry)


class OfEngine(Collector):
    """The engine's own counts, read when they are asked for."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def collect(self) -> Iterator[Metric]:
        counts = self.engine.counts
        yield GaugeMetricFamily("calame_running", "Answers that are being generated", counts.running)
        yield GaugeMetricFamily("calame_waiting", "Requests that wait for a free row", counts.waiting)
        yield GaugeMetricFamily("calame_rows", "Answers that can be generated side by side", self.engine.slots)
        yield CounterMetricFamily("calame_answers", "Answers that ended", counts.requests)
        yield CounterMetricFamily("calame_generated_tokens", "Tokens generated", counts.tokens)
        yield CounterMetricFamily("calame_draft_proposed_tokens", "Tokens that the draft proposed", counts.proposed)
        yield CounterMetricFamily("calame_draft_accepted_tokens", "Of these the ones kept", counts.accepted)


class Measured:
    """Counts and times every response. paths: those that have a line of their own."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]):
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 499  # as nginx says where the client left before

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope["path"] if scope["path"] in self.paths else "other"
        try:
            await self.app(scope, receive, note)
        finally:
            self.metrics.responses.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - begin)
