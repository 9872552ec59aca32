"""What rows of conversations look like, and each kind as a list of messages.

messages     a list under messages, conversations or conversation: {role|from, content|text|value} (OpenAI, ShareGPT)
seed-tasks   instruction, instances: [{input, output}] (Self-Instruct, Wang et al. 2023)
alpaca       instruction, optional input, output or response (Taori et al. 2023)
choices      question, answers: {a: ...}, correct_answers: [a, ...]
tree         a message a row: message_id, parent_id, role, text, rank (OpenAssistant, Köpf et al. 2023): trees.py
flat         a question and an answer in two columns, of any name
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from calame.recipe.tuning import Conversations

Values = Mapping[str, Any]
Messages = list[dict[str, Any]]
LISTS = ("messages", "conversations", "conversation")
ANSWERS = ("output", "response")
SYSTEMS = ("system", "system_prompt")
QUESTION_AND_ANSWER = (
    ("user", "assistant"),
    ("prompt", "answer"),
    ("question", "answer"),
    ("prompt", "response"),
    ("prompt", "completion"),
    ("question", "response"),
    ("input", "output"),
)
TREE = ("message_id", "parent_id", "role", "text")


def detect(values: Values) -> str | None:
    """The format that a row's columns speak for."""
    if any(isinstance(values.get(name), list) for name in LISTS):
        return "messages"
    if isinstance(values.get("instances"), list) and "instruction" in values:
        return "seed-tasks"
    if "instruction" in values and any(name in values for name in ANSWERS):
        return "alpaca"
    if isinstance(values.get("answers"), Mapping) and {"question", "correct_answers"} <= set(values):
        return "choices"
    if set(TREE) <= set(values):
        return "tree"
    return "flat" if _two_columns(values) else None


def _two_columns(values: Values) -> tuple[str, str] | None:
    return next((pair for pair in QUESTION_AND_ANSWER if set(pair) <= set(values)), None)


def messages_in(values: Values, kind: str, keys: Conversations) -> Iterator[Any]:
    """The conversations of a row, each a list of messages. Raises `ValueError` where the row is not of its format."""
    yield from READERS[kind](values, keys)


def _messages(values: Values, keys: Conversations) -> Iterator[Any]:
    found = next((values[name] for name in LISTS if name in values), None)
    if not isinstance(found, list):
        raise ValueError("no list of messages")
    yield _with_system(values, found)


def _seed_tasks(values: Values, keys: Conversations) -> Iterator[Any]:
    instances = values.get("instances")
    if not isinstance(instances, list) or not instances:
        raise ValueError("no instances")
    for instance in instances:
        given = instance if isinstance(instance, Mapping) else {}
        yield [_asked(values.get("instruction"), given.get("input")), _answered(given.get("output"))]


def _alpaca(values: Values, keys: Conversations) -> Iterator[Any]:
    answer = next((values[name] for name in ANSWERS if name in values), None)
    yield _with_system(values, [_asked(values.get("instruction"), values.get("input")), _answered(answer)])


def _choices(values: Values, keys: Conversations) -> Iterator[Any]:
    answers, right = values.get("answers"), values.get("correct_answers")
    if not isinstance(answers, Mapping) or not isinstance(right, list) or not right:
        raise ValueError("no answers, or none that is right")
    if not all(name in answers for name in right):
        raise ValueError("a right answer that is none of the answers")
    listed = {name: f"{name}) {text}" for name, text in answers.items()}
    question = f"{values.get('question')}\n" + "\n".join(listed.values())
    yield [{"role": "user", "content": question}, _answered("\n".join(listed[name] for name in right))]


def _flat(values: Values, keys: Conversations) -> Iterator[Any]:
    columns = (keys.user, keys.assistant) if keys.user and keys.assistant else _two_columns(values)
    if columns is None or not set(columns) <= set(values):
        raise ValueError(f"no columns {' and '.join(map(str, columns or QUESTION_AND_ANSWER[0]))}")
    question, answer = (values[name] for name in columns)
    yield _with_system(values, [{"role": "user", "content": question}, _answered(answer)])


def _asked(instruction: Any, given: Any) -> dict[str, Any]:
    """An instruction and what it is about, one below the other."""
    content = f"{instruction}\n\n{given}" if isinstance(given, str) and given.strip() else instruction
    return {"role": "user", "content": content}


def _answered(answer: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": answer}


def _with_system(values: Values, messages: Messages) -> Messages:
    """The system's message before those that have none, where a column holds one."""
    said = next((values[name] for name in SYSTEMS if isinstance(values.get(name), str)), "")
    begins = messages[0].get("role", messages[0].get("from")) if messages and isinstance(messages[0], Mapping) else ""
    return [{"role": "system", "content": said}, *messages] if said.strip() and begins != "system" else messages


READERS: dict[str, Callable[[Values, Conversations], Iterator[Any]]] = {
    "messages": _messages,
    "seed-tasks": _seed_tasks,
    "alpaca": _alpaca,
    "choices": _choices,
    "flat": _flat,
}
