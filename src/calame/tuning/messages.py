"""Messages of whatever spelling as ours: roles by a table, text in one piece, and an order that a chat can have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from calame.tokenizer.policy import ASSISTANT, FOLLOWS, ROLES, SYSTEM, TOOL, USER

NOT_STATED = "not stated"  # a licence
CALLS = "calls"  # stands for an assistant that asks a tool for something
SPELLINGS = {
    SYSTEM: "system developer",
    USER: "user human prompter",
    ASSISTANT: "assistant gpt bot chatgpt model ai",
    TOOL: "tool function observation ipython tool_response function_response",
    CALLS: "tool_call function_call",
}
ROLE_OF = {spelling: role for role, spellings in SPELLINGS.items() for spelling in spellings.split()}


@dataclass(frozen=True)
class Conversation:
    """Messages in order, each {"role": system|user|assistant|tool, "content": text}; at least one of the assistant's.

    source, place: the set and where in it. silent: numbers of the messages of the assistant's that are read but not
    learnt (calls of tools; weight 0)."""

    messages: tuple[dict[str, str], ...]
    source: str
    place: str = ""
    license: str = NOT_STATED
    silent: frozenset[int] = frozenset()

    @property
    def learnt(self) -> list[str]:
        """What the assistant says and is learnt."""
        said = enumerate(self.messages)
        return [m["content"] for number, m in said if m["role"] == ASSISTANT and number not in self.silent]


@dataclass(frozen=True)
class Unusable:
    """A row that is set aside: where it stood, why, and its beginning."""

    place: str
    reason: str
    sample: str = ""


def to_conversation(
    messages: Any,
    source: str,
    place: str = "",
    license: str = NOT_STATED,
    roles: Sequence[str] = ROLES,
    tools: bool = False,
) -> Conversation:
    """Messages as a data set has them: role or from, content, text or value. roles: those that the chat format can
    write; tools: whether they may be called. Raises `ValueError` saying why this is no conversation to learn from."""
    if not isinstance(messages, list):
        raise ValueError("no list of messages")
    if not messages:
        raise ValueError("no message in it")
    turns: list[dict[str, str]] = []
    silent = set()
    for number, message in enumerate(messages):
        role = _role(message)
        if role in (CALLS, TOOL) and not tools:
            raise ValueError("it calls tools")
        content = _content(message)
        if role == CALLS or (isinstance(message, Mapping) and message.get("weight") == 0):
            silent.add(number)
        turns.append({"role": ASSISTANT if role == CALLS else role, "content": content})
    if fault := fault_of(turns, roles):
        raise ValueError(fault)
    conversation = Conversation(tuple(turns), source, place, license, frozenset(silent))
    if not conversation.learnt:
        raise ValueError("the assistant says nothing that is to be learnt")
    return conversation


def _role(message: Any) -> str:
    if not isinstance(message, Mapping):
        raise ValueError("a message without text")
    said = message.get("role", message.get("from"))
    if message.get("tool_calls") or message.get("function_call"):
        return CALLS
    role = ROLE_OF.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        raise ValueError(f"unknown role {said!r}")
    return role


def _content(message: Mapping[str, Any]) -> str:
    """The text of a message, with the calls of tools in it as JSON."""
    content = next((message[key] for key in ("content", "text", "value") if message.get(key) is not None), None)
    if isinstance(content, list) and content and all(_is_text(part) for part in content):
        content = "\n".join(part["text"] for part in content)
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        called = json.dumps(calls, ensure_ascii=False)
        content = f"{content}\n{called}" if isinstance(content, str) and content.strip() else called
    if not isinstance(content, str):
        raise ValueError("a message without text")
    return content


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


def fault_of(messages: Sequence[Mapping[str, str]], roles: Sequence[str] = ROLES) -> str:
    """Why messages in our spelling are no conversation, or an empty string."""
    before = ""
    for message in messages:
        role, content = message["role"], message["content"]
        if role not in roles:
            return f"role {role!r} is none of the chat format's: {', '.join(roles)}"
        if role not in FOLLOWS[before]:
            return f"roles out of order: {role} after {before}" if before else f"roles out of order: {role} first"
        if not content.strip():
            return "an empty message"
        if not is_unicode(content):
            return "not Unicode text (lone surrogates)"
        before = role
    if not any(message["role"] == ASSISTANT for message in messages):
        return "the assistant says nothing"
    return ""


def is_unicode(text: str) -> bool:
    """JSON can spell halves of characters (lone surrogates), which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
