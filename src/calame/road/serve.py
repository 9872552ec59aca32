"""The verb that puts a model behind a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from calame.inference.load import run_folder
from calame.inference.server import check_packages
from calame.road.talk import CHAT, Asked


def serve_model(asked: Asked, name: str | None, ways: Mapping[str, Any]) -> int:
    """Answer until interrupted; returns the exit code. name: what clients call the model, by default its folder's.
    ways: of `Settings`, all but the sampling. Raises `UserError` for what cannot be served, or not so."""
    check_packages()
    from calame.inference.server.serve import serve
    from calame.inference.server.settings import Settings

    loaded, draft = asked.models()
    room = min(ways["context"] or 10**9, loaded.model.config.max_position_embeddings)
    decoding = asked.decoding(loaded, replace(CHAT, limit=room))
    sampling = replace(decoding.sampling, limit=min(asked.sampling["limit"] or room, room))
    name = name or run_folder(asked.model, asked.runs).resolve().name
    settings = Settings(name=name, sampling=sampling, seeded=asked.sampling["seed"] is not None, **ways)
    return serve(loaded, settings, draft, decoding.source)
