"""The terminal chat: answers appear as they come and stop by themselves; Ctrl-C stops one, and not the program."""

from __future__ import annotations

from calame.inference.chat_commands import obey
from calame.inference.chat_texts import TEXTS
from calame.inference.decoding import Decoding
from calame.inference.engine import Engine
from calame.inference.load import Loaded
from calame.inference.talk import Talk
from calame.inference.terminal import Terminal
from calame.recipe.errors import refuse
from calame.tokenizer.policy import ROLES


def check_chat(loaded: Loaded) -> None:
    """Raises `UserError` for a model that is said to converse and has no rows for the tokens of a conversation."""
    ids = loaded.tokenizer.chat([{"role": role, "content": ""} for role in ROLES])
    if loaded.tuned and max(ids) >= loaded.model.config.vocab_size:
        raise refuse(
            loaded.origin,
            "its vocabulary has no chat tokens, although it has a chat template",
            "a model with a chat format, as one tuned here",
            "calame generate MODEL --prompt TEXT lets it go on from a text; calame sft tunes it",
        )


def chat(engine: Engine, decoding: Decoding, language: tuple[str, str], terminal: Terminal | None = None) -> None:
    """Talk with the engine's model until the user leaves. language: a key of `TEXTS`, and of the reason for it."""
    terminal, (code, reason) = terminal or Terminal(), language
    talk = Talk(engine, decoding.sampling, TEXTS[code], terminal)
    terminal.note(engine.loaded.origin)
    terminal.note(talk.text("language", name=TEXTS[code]["name"], reason=TEXTS[code][reason]))
    if not engine.loaded.tuned:
        terminal.note(talk.text("untuned"))
    source = talk.text("recommended", source=decoding.source) if decoding.source else talk.text("default")
    mine = [talk.text("as_asked", names=", ".join(decoding.asked))] if decoding.asked else []
    terminal.note(talk.text("decoding", values=decoding, reason="; ".join([source, *mine])))
    terminal.note(talk.text("welcome"))
    while (said := talk.read()) is not None:
        if said.startswith("/"):
            if not obey(talk, said):
                break
        elif said.strip():
            talk.conversation.ask(said.strip())
            talk.answer()
    terminal.note(talk.text("bye"))
