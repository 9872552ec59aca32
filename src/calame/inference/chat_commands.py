"""What the terminal chat does by itself: lines that begin with a slash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from calame.inference.conversation import Conversation
from calame.inference.decoding import WHOLE, in_words
from calame.inference.talk import Talk
from calame.recipe.errors import UserError

ALLOWED = {
    "temperature": "≥ 0",
    "top_k": "≥ 0",
    "top_p": "0 < p ≤ 1",
    "min_p": "0 ≤ p ≤ 1",
    "repetition_penalty": "> 0",
    "no_repeat_ngram": "≥ 0",
    "seed": "≥ 0",
    "limit": "≥ 1",
}


def obey(talk: Talk, line: str) -> bool:
    """Do what a command says. False: leave."""
    name, _, rest = line.strip().partition(" ")
    if name in ("/quit", "/exit"):
        return False
    if name in COMMANDS:
        COMMANDS[name](talk, rest.strip())
    else:
        talk.terminal.note(talk.text("unknown", name=name))
    return True


def _help(talk: Talk, _: str) -> None:
    talk.terminal.note(talk.text("help"))


def _system(talk: Talk, text: str) -> None:
    """The system message is said again before whatever the model still sees, so it holds for the whole talk."""
    if text:
        talk.conversation.system = None if text == "-" else text
    system = talk.conversation.system
    talk.terminal.note(talk.text("system", text=system) if system else talk.text("no_system"))


def _reset(talk: Talk, _: str) -> None:
    talk.conversation, talk.forgotten = Conversation(talk.conversation.system), 0
    talk.terminal.note(talk.text("reset"))


def _set(talk: Talk, rest: str) -> None:
    name, _, value = rest.partition(" ")
    if name and name not in ALLOWED:
        talk.terminal.note(talk.text("no_set", name=name, names=", ".join(ALLOWED)))
        return
    if value:
        try:
            number = (int if name in WHOLE else float)(value.strip().replace(",", "."))
            sampling = replace(talk.sampling, **{name: number})
            sampling.check()
        except (ValueError, UserError):
            talk.terminal.note(talk.text("bad_set", name=name, value=value.strip(), allowed=ALLOWED[name]))
            return
        talk.sampling = sampling
    talk.terminal.note(in_words(talk.sampling))


def _retry(talk: Talk, _: str) -> None:
    if not talk.conversation.take_back():
        talk.terminal.note(talk.text("nothing"))
        return
    if talk.sampling.temperature == 0:
        talk.terminal.note(talk.text("same"))
    talk.answer()


def _save(talk: Talk, name: str) -> None:
    if not talk.conversation.messages:
        talk.terminal.note(talk.text("nothing"))
    elif not name:
        talk.terminal.note(talk.text("no_file"))
    elif (path := Path(name).expanduser()).exists():
        talk.terminal.note(talk.text("there", path=path))
    else:
        try:
            talk.conversation.save(path, talk.engine.loaded.origin, in_words(talk.sampling))
            talk.terminal.note(talk.text("saved", path=path))
        except (OSError, UserError) as error:
            talk.terminal.note(talk.text("failed", path=path, error=getattr(error, "strerror", None) or error))


COMMANDS: dict[str, Callable[[Talk, str], None]] = {
    "/help": _help,
    "/system": _system,
    "/reset": _reset,
    "/set": _set,
    "/retry": _retry,
    "/save": _save,
}
