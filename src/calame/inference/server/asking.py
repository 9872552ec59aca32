"""From a request of the interface to one of the engine: prompt, sampling, limits. What cannot be is refused here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.server.refusal import BAD, UNKNOWN, Refused
from calame.inference.server.settings import Served
from calame.inference.server.wire import ChatAsked, Message, TextAsked
from calame.inference.text import TextStream
from calame.recipe.errors import Problem
from calame.tokenizer.policy import FOLLOWS, ROLES, USER
from calame.tokenizer.tokenizer import Tokenizer

OURS = ("temperature", "top_k", "top_p", "seed", "min_p", "repetition_penalty", "no_repeat_ngram")


def engine_request(served: Served, asked: ChatAsked | TextAsked) -> Request:
    """What the engine is to answer. Cutting a long prompt takes time: not for an event loop. Raises `Refused`, or
    `UserError`."""
    check_model(served, asked.model)
    if isinstance(asked, ChatAsked):
        if served.mute:
            raise Refused(BAD, Problem("model", served.mute, remedy="POST /v1/completions continues a text"))
        prompt = served.loaded.tokenizer.chat(_conversation(asked.messages))
    else:
        prompt = _prompt(served.loaded.tokenizer, asked.prompt)
    room = served.context - len(prompt)
    if room < 1:
        found, allowed = f"{len(prompt)} tokens", f"at most {served.context - 1}, the context less one"
        where = "messages" if isinstance(asked, ChatAsked) else "prompt"
        raise Refused(BAD, Problem(where, found, allowed, "shorten it"), "context_length_exceeded")
    sampling = _sampling(served, asked)
    stream = TextStream(served.loaded.tokenizer, asked.stops)
    limited = replace(sampling, limit=min(sampling.limit, room))
    return Request.of(served.loaded, prompt, limited, stream=stream, top=asked.top)


def check_model(served: Served, name: str) -> None:
    if name != served.settings.name:
        raise Refused(UNKNOWN, Problem("model", "there is no such model here", served.settings.name), "model_not_found")


def _sampling(served: Served, asked: ChatAsked | TextAsked) -> Sampling:
    """The request's, and where it says nothing the server's."""
    usual = served.settings.sampling
    if (asked.most or 0) > usual.limit:
        field = (
            "max_completion_tokens" if isinstance(asked, ChatAsked) and asked.max_completion_tokens else "max_tokens"
        )
        raise Refused(BAD, Problem(field, str(asked.most), f"at most {usual.limit} here"))
    given = {name: getattr(asked, name) for name in OURS if getattr(asked, name) is not None}
    if not served.settings.seeded:
        given.setdefault("seed", secrets.randbits(63))
    return replace(usual, **given, limit=asked.most or usual.limit)


def _conversation(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages that a chat can have, in the order that it can have them in; all that is wrong is told at once."""
    problems, before = [], ""
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        if message.role not in ROLES:
            problems.append(Problem(f"{where}.role", "unknown", ", ".join(ROLES)))
        elif message.role not in FOLLOWS[before]:
            place = f"after {before}" if before else "first"
            allowed = " or ".join(role for role in FOLLOWS[before] if role in ROLES)
            problems.append(Problem(f"{where}.role", f"{message.role} {place}", allowed))
        if not message.text.strip():
            problems.append(Problem(f"{where}.content", "empty", "a text"))
        before = message.role if message.role in ROLES else before
    if not problems and before != USER:
        problems.append(Problem(f"messages.{len(messages) - 1}.role", f"{before} last", USER))
    if problems:
        raise Refused(BAD, problems)
    return [{"role": message.role, "content": message.text} for message in messages]


def _prompt(tokenizer: Tokenizer, given: str | list[int] | list[str]) -> list[int]:
    """Ids as they are, or a text's with what stands before one."""
    text = given if isinstance(given, str) else given[0] if given else None
    return tokenizer.prompt(text) if isinstance(text, str) else [token for token in given if isinstance(token, int)]
