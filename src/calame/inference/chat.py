"""The terminal chat: what the model says appears token by token, and it stops by itself."""

from __future__ import annotations

import sys
from dataclasses import replace

from calame.inference.generate import stream_text
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.recipe.errors import UserError, refuse

WELCOME = {
    "fr": "Écris un message et tape Entrée ; une ligne vide ou Ctrl-D termine.",
    "it": "Scrivi un messaggio e premi Invio; una riga vuota o Ctrl-D termina.",
    "en": "Write a message and press Enter; an empty line or Ctrl-D ends.",
}
UNTUNED = {
    "fr": "Ce modèle n’a pas appris à converser (pas encore accordé) : il continue ce qu’on lui écrit.",
    "it": "Questo modello non ha imparato a conversare (non ancora accordato): continua ciò che gli si scrive.",
    "en": "This model has not learnt to converse (it is not tuned yet): it goes on from what you write.",
}


def chat(loaded: Loaded, sampling: Sampling, language: str = "en") -> None:
    """Talk until an empty line or the end of the input. The oldest turns are forgotten when the context is full.

    Raises `UserError` for a model that has no rows for the chat tokens."""
    if loaded.tokenizer.special.turn_end >= loaded.model.config.vocab_size:
        raise refuse(
            loaded.origin,
            "its vocabulary has no chat tokens: it was never shown a conversation of ours",
            "a model tuned here",
            "calame generate MODEL --prompt TEXT",
        )
    notes = [loaded.origin, *([] if loaded.tuned else [UNTUNED[language]]), WELCOME[language]]
    print("\n".join(notes))
    messages: list[dict[str, str]] = []
    turn = 0
    while (said := _ask()) is not None:
        messages.append({"role": "user", "content": said})
        answer = ""
        try:
            for piece in stream_text(loaded, _fit(loaded, messages), replace(sampling, seed=sampling.seed + turn)):
                sys.stdout.write(piece)
                sys.stdout.flush()
                answer += piece
        except KeyboardInterrupt:
            sys.stdout.write(" ...")
        except UserError as error:  # a message longer than the context: said, and forgotten
            print(error)
            messages.pop()
            continue
        sys.stdout.write("\n")
        messages.append({"role": "assistant", "content": answer})
        turn += 1


def _ask() -> str | None:
    try:
        return input("> ").strip() or None
    except (EOFError, KeyboardInterrupt):
        print()
        return None


def _fit(loaded: Loaded, messages: list[dict[str, str]]) -> list[int]:
    """The conversation's ids; whole exchanges are dropped from its beginning until a quarter of the context is free."""
    room = loaded.model.config.max_position_embeddings * 3 // 4
    first = 0
    while len(ids := loaded.tokenizer.chat(messages[first:])) > room and first + 2 < len(messages):
        first += 2
    return ids
