"""`calame serve`: a model behind a port, until Ctrl-C."""

from __future__ import annotations

import socket
import threading

import uvicorn

from calame.inference.decoding import in_words
from calame.inference.engine import Engine
from calame.inference.load import Loaded
from calame.inference.server.app import app_of
from calame.inference.server.settings import Served, Settings
from calame.inference.server.template import mute
from calame.model.cache import Cache
from calame.recipe.errors import refuse
from calame.recipe.units import say_bytes
from calame.run.progress import say

CONNECTIONS = 128  # beside those whose answers run or wait
FAREWELL = 3  # seconds that answers have to end in, once the server is told to


def serve(loaded: Loaded, settings: Settings, draft: Loaded | None = None, source: str | None = None) -> int:
    """Answer until interrupted. Returns the exit code. source: what recommends the sampling. Raises `UserError` for an
    address that cannot be had, and for a template or a draft that does not fit."""
    settings.check()
    positions = loaded.model.config.max_position_embeddings
    if settings.context and settings.context > positions:
        raise refuse("--context", f"{settings.context:,} tokens", f"at most the model's {positions:,}", "leave it out")
    without = mute(loaded)
    with (
        listening(settings) as listener,
        Engine(loaded, settings.slots, settings.context, settings.waiting, draft) as engine,
    ):
        served = Served(loaded, engine, settings, without)
        server = server_of(served)
        threading.Thread(target=_end_with, args=(engine, server), daemon=True).start()
        for line in introduction(served, listener, source):
            say(line)
        try:
            server.run([listener])
        except KeyboardInterrupt:
            say("ended")
        if engine.error is not None:
            say(f"the engine failed: {engine.error!r}")
            return 1
    return 0


def listening(settings: Settings) -> socket.socket:
    """The port, taken. Port 0: one that is free."""
    where = f"{settings.host}:{settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse("--host, --port", f"{where}: {reason}", remedy="another one, as in --port 8001") from None


class Server(uvicorn.Server):
    """Once it is told to end, answers have `FAREWELL` seconds; then the engine is closed, and they hear of it."""

    def __init__(self, config: uvicorn.Config, engine: Engine):
        super().__init__(config)
        self.engine = engine

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        closing = threading.Timer(FAREWELL, self.engine.close)
        closing.daemon = True
        closing.start()
        await super().shutdown(sockets)
        closing.cancel()


def server_of(served: Served) -> Server:
    settings = served.settings
    return Server(
        uvicorn.Config(
            app_of(served),
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=settings.slots + settings.waiting + CONNECTIONS,
            timeout_keep_alive=75,  # longer than clients keep theirs, so that none writes into one that is closing
            timeout_graceful_shutdown=FAREWELL + 5,
        ),
        served.engine,
    )


def introduction(served: Served, listener: socket.socket, source: str | None = None) -> list[str]:
    """What somebody who starts it wants to know, the limits among it."""
    settings, sampling, config = served.settings, served.settings.sampling, served.loaded.model.config
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    cache = settings.slots * served.context * Cache.bytes_of_token(config, served.loaded.dtype)
    key = "none, everybody may ask" if settings.open else "none, and only names of this machine"
    decoding = in_words(sampling)
    if not settings.seeded:
        decoding = decoding.replace(f"seed {sampling.seed}", "another seed each time")
    lines = [
        f"{served.loaded.origin} on {served.loaded.device.reason}, as {settings.name}",
        f"  answers: {settings.slots} side by side ({say_bytes(cache)} of cache), {settings.waiting} wait; each "
        f"{sampling.limit:,} tokens and {settings.seconds:g} s at most, {served.context:,} tokens with its prompt",
        f"  decoding, where a request says nothing: {decoding} ({source or 'defaults'})",
        f"  key: {'asked for' if settings.key else key}",
    ]
    if served.mute:
        lines.append(f"  no chat: {served.mute}; /v1/completions goes on from texts")
    elif not served.loaded.tuned:
        lines.append("  it has not learnt to converse (not tuned yet): it goes on from what one writes")
    return [*lines, f"  page: {url}/", f"  for OpenAI's clients: {url}/v1", "  Ctrl-C ends"]


def _end_with(engine: Engine, server: uvicorn.Server) -> None:
    """A server without its engine answers nobody: whoever watches the process shall start it again."""
    engine.wait()
    server.should_exit = True
