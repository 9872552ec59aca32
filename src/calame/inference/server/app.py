"""The server's paths, and what each answers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Http
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from calame.inference.server.answers import Answer
from calame.inference.server.asking import check_model, engine_request
from calame.inference.server.guard import Guard, body_of
from calame.inference.server.live import EventStream, Gone, Live, unless_gone, whole
from calame.inference.server.metrics import Measured, Metrics
from calame.inference.server.openapi import document
from calame.inference.server.refusal import CLOSED, Refused, of_user_error, of_validation
from calame.inference.server.settings import Served
from calame.inference.server.wire import ChatAsked, TextAsked
from calame.recipe.errors import Problem, UserError

PAGE = Path(__file__).parent / "page"
CHAT, TEXT, MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"
HEALTH, METRICS, OPENAPI = "/health", "/metrics", "/openapi.json"


def app_of(served: Served) -> Starlette:
    """The whole server as an ASGI application."""
    metrics = Metrics(served.engine)
    paths = Paths(served, metrics)
    routes = [
        Route(CHAT, paths.chat, methods=["POST"]),
        Route(TEXT, paths.text, methods=["POST"]),
        Route(MODELS, paths.models),
        Route(MODELS + "/{name:path}", paths.model),
        Route(HEALTH, paths.health),
        Route(METRICS, paths.figures),
        Route(OPENAPI, paths.openapi),
        Route("/", paths.page),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    own = frozenset((CHAT, TEXT, MODELS, HEALTH, METRICS, "/"))
    middleware = [Middleware(Measured, metrics, own), Middleware(Guard, served.settings)]
    return Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={
            Refused: lambda http, error: error.response(),  # type: ignore[dict-item]
            UserError: lambda http, error: of_user_error(error).response(),  # type: ignore[dict-item]
            HTTPException: _http_error,  # type: ignore[dict-item]
            Gone: _nobody,
            ClientDisconnect: _nobody,
        },
    )


class Paths:
    def __init__(self, served: Served, metrics: Metrics):
        self.served, self.metrics = served, metrics
        self.openapi_document = document({CHAT: ChatAsked, TEXT: TextAsked}, (MODELS, HEALTH, METRICS))

    async def chat(self, http: Http) -> Response:
        return await self._answer(http, ChatAsked)

    async def text(self, http: Http) -> Response:
        return await self._answer(http, TextAsked)

    async def _answer(self, http: Http, kind: type[ChatAsked] | type[TextAsked]) -> Response:
        begin, settings = time.perf_counter(), self.served.settings
        body = await body_of(http, settings.body)
        try:
            asked = kind.model_validate_json(body)
        except ValidationError as error:
            raise of_validation(error) from None
        request = await asyncio.to_thread(engine_request, self.served, asked)
        answer = Answer(asked, request, self.served.loaded.tokenizer)
        live = Live(self.served.engine, request, settings.seconds)
        self.metrics.prompt.inc(len(request.prompt))
        first = await unless_gone(http, live.next())
        self.metrics.first.observe(time.perf_counter() - begin)
        if asked.stream:
            return EventStream(answer, live, first)
        answer.take(first)
        return JSONResponse((await unless_gone(http, whole(answer, live))).whole())

    async def models(self, http: Http) -> Response:
        return JSONResponse({"object": "list", "data": [self._model()]})

    async def model(self, http: Http) -> Response:
        check_model(self.served, http.path_params["name"])
        return JSONResponse(self._model())

    def _model(self) -> dict[str, Any]:
        """OpenAI's fields, and what the page wants to know."""
        settings, loaded = self.served.settings, self.served.loaded
        return {
            "id": settings.name,
            "object": "model",
            "created": self.served.created,
            "owned_by": "calame",
            "context": self.served.context,
            "max_tokens": settings.sampling.limit,
            "temperature": settings.sampling.temperature,
            "converses": not self.served.mute,
            "tuned": loaded.tuned,
        }

    async def health(self, http: Http) -> Response:
        engine = self.served.engine
        if (error := engine.error) is not None:
            return JSONResponse({"status": "failed", "reason": str(error)}, CLOSED)
        ready = engine.ready.is_set()
        return JSONResponse({"status": "ready" if ready else "starting"}, 200 if ready else CLOSED)

    async def figures(self, http: Http) -> Response:
        return Response(self.metrics.page(), media_type="text/plain; version=0.0.4")

    async def page(self, http: Http) -> Response:
        return FileResponse(PAGE / "index.html")

    async def openapi(self, http: Http) -> Response:
        return JSONResponse(self.openapi_document)


async def _http_error(http: Http, error: HTTPException) -> Response:
    """No such path, or a method that it has not."""
    allowed = (error.headers or {}).get("Allow", "")
    problem = Problem(http.url.path, error.detail.lower(), allowed)
    return Refused(error.status_code, problem, headers=error.headers).response()


async def _nobody(http: Http, error: Exception) -> Response:
    """Nobody reads this any more; 499 is what nginx writes down then."""
    return Response(status_code=499)
