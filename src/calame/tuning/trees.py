"""Trees of messages, a row each, as OpenAssistant is published: siblings carry a rank, 0 is the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from calame.corpus.readers.row import Row
from calame.tuning.messages import ASSISTANT, ROLE_OF, Unusable


@dataclass
class Node:
    """A message, where it stood, and those that answer it, the best first."""

    values: Mapping[str, Any]
    place: str
    parent: Node | None = None
    answers: list[Node] = field(default_factory=list)

    @property
    def message(self) -> dict[str, Any]:
        return {"role": self.values.get("role"), "content": self.values.get("text")}

    @property
    def by_assistant(self) -> bool:
        return ROLE_OF.get(str(self.values.get("role")).lower()) == ASSISTANT

    @property
    def rank(self) -> float:
        rank = self.values.get("rank")
        return float(rank) if isinstance(rank, int | float) else math.inf

    def way(self) -> list[dict[str, Any]]:
        """The messages from the root to this one."""
        return [*(self.parent.way() if self.parent else []), self.message]


def plant(rows: Iterable[Row | Unusable]) -> Iterator[Node | Unusable]:
    """The roots of all trees in the order in which they stand, after all rows that are set aside: a message whose
    parent is missing among them."""
    nodes: dict[Any, Node] = {}
    for row in rows:
        if isinstance(row, Unusable):
            yield row
        elif row.values is not None:
            nodes[row.values.get("message_id")] = Node(row.values, row.place)
    roots = []
    for node in nodes.values():
        above = node.values.get("parent_id")
        if above in (None, ""):
            roots.append(node)
        elif above in nodes:
            node.parent = nodes[above]
            nodes[above].answers.append(node)
        else:
            yield Unusable(node.place, "the message that it answers is missing")
    for node in nodes.values():
        node.answers.sort(key=lambda answer: answer.rank)
    yield from roots


def best_branch(root: Node) -> list[dict[str, Any]]:
    """From the root along the best answer to each message, as far as an answer of the assistant's goes."""
    last, node = root, root
    while node.answers:
        node = node.answers[0]
        last = node if node.by_assistant else last
    return last.way()


def ranked_pairs(root: Node) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]]:
    """(prompt, best, worst) of every message with several answers of the assistant's whose ranks differ."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.answers[::-1]
        ranked = [answer for answer in node.answers if answer.by_assistant and answer.rank < math.inf]
        if len(ranked) > 1 and ranked[0].rank < ranked[-1].rank:
            yield node.way(), ranked[0].message, ranked[-1].message
