"""The verbs that let a model speak: the terminal chat, and going on from a beginning."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.evaluation.decoding.files import recommended_file
from calame.evaluation.decoding.recommended import recommended_for
from calame.inference.chat import chat, check_chat
from calame.inference.chat_language import choose_language
from calame.inference.decoding import FILE, Decoding, recommended_in
from calame.inference.engine import Engine
from calame.inference.load import Loaded, load_any, run_folder, to_speak
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.speculative import check_draft
from calame.inference.terminal import as_text
from calame.inference.text import TextStream

CHAT, GOING_ON = Sampling(0.3, 50, 0.95, limit=256), Sampling(0.8, 50, 0.95, limit=128)  # where nothing is recommended


@dataclass(frozen=True)
class Asked:
    """What the command line says. draft: a smaller model of the same tokenizer. sampling: None where no value is
    given."""

    model: str
    runs: str
    device: str
    base: bool
    draft: str | None
    sampling: Mapping[str, Any]

    def models(self) -> tuple[Loaded, Loaded | None]:
        """Raises `UserError` for a senseless sampling, for what is no model, and for a draft that cannot serve."""
        Decoding.of(self.sampling, {}, None, CHAT)
        loaded = to_speak(load_any(self.model, self.runs, self.device, self.base))
        if self.draft is None:
            return loaded, None
        draft = to_speak(load_any(self.draft, self.runs, self.device, self.base))
        check_draft(loaded, draft)
        return loaded, draft

    def decoding(self, loaded: Loaded, defaults: Sampling) -> Decoding:
        """As asked, else as the model's folder or its run's decoding search recommends, else by default."""
        folder = Path(loaded.origin)
        if found := recommended_in(folder):
            return Decoding.of(self.sampling, found, str(folder / FILE), defaults)
        file = recommended_file(run_folder(self.model, self.runs), self.base)
        recommended = recommended_for(loaded, file)
        found = recommended.parameters.model_dump() if recommended else {}
        return Decoding.of(self.sampling, found, str(file), defaults)


def talk(asked: Asked, language: str | None) -> None:
    """The terminal chat. language: of the interface, or None: of the recipe, the card or the terminal."""
    loaded, draft = asked.models()
    check_chat(loaded)
    decoding = asked.decoding(loaded, CHAT)
    chosen = choose_language(language, run_folder(asked.model, asked.runs), os.environ)
    with Engine(loaded, slots=1, draft=draft) as engine:
        chat(engine, decoding, chosen)


def go_on(asked: Asked, prompt: str) -> Iterator[str]:
    """What the model makes of a beginning, piece by piece, the beginning first; notes go to the errors' stream."""
    loaded, draft = asked.models()
    decoding = asked.decoding(loaded, GOING_ON)
    prompt = as_text(prompt)
    ids = loaded.tokenizer.prompt(prompt)
    request = Request.of(loaded, ids, decoding.sampling, stream=TextStream(loaded.tokenizer))
    reason = f"recommended by {decoding.source}" if decoding.source else "defaults"
    mine = f"; as asked: {', '.join(decoding.asked)}" if decoding.asked else ""
    print(f"{loaded.origin}\ndecoding: {decoding} ({reason}{mine})", file=sys.stderr)
    yield prompt
    with Engine(loaded, slots=1, draft=draft) as engine, closing(engine.stream(request)) as pieces:
        yield from (piece.text for piece in pieces)
        counts = engine.counts
    if draft is not None:
        share = counts.accepted / max(1, counts.proposed)
        print(f"draft: {counts.accepted} of {counts.proposed} tokens accepted ({share:.0%})", file=sys.stderr)
