"""A conversation as tokens, and which of them are learnt: all that the assistant says, end token included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calame.shards.rows import IGNORE
from calame.tokenizer.policy import ASSISTANT
from calame.tokenizer.tokenizer import Tokenizer
from calame.tuning.messages import Conversation


@dataclass(frozen=True)
class Example:
    """tokens, targets: (length,) int32; the target at i is token i + 1 where the assistant says it, else IGNORE."""

    tokens: np.ndarray
    targets: np.ndarray
    cut: int = 0  # messages that did not fit

    @property
    def learnt(self) -> int:
        """Tokens that carry loss."""
        return int((self.targets != IGNORE).sum())


def encode(conversation: Conversation, tokenizer: Tokenizer, context: int) -> Example | None:
    """The conversation cut before the first message that does not fit; None if no answer that is learnt fits."""
    ids = tokenizer.beginning
    learnt = [False] * len(ids)
    complete = used = 0  # tokens and messages up to the end of the last answer that fits and is learnt
    for number, message in enumerate(conversation.messages):
        start, said = tokenizer.turn(message)
        ids += start + said + tokenizer.newline
        answer = message["role"] == ASSISTANT and number not in conversation.silent
        learnt += [False] * len(start) + [answer] * len(said) + [False] * len(tokenizer.newline)
        if len(ids) > context:
            break
        if answer:
            complete, used = len(ids), number + 1
    else:  # everything fits; a question without an answer at the end teaches nothing, and is no cut
        used = len(conversation.messages)
    if not complete:
        return None
    tokens = np.array(ids[:complete], np.int32)
    targets = np.full(complete, IGNORE, np.int32)
    following = np.array(learnt[1:complete], bool)
    targets[:-1][following] = tokens[1:][following]
    return Example(tokens, targets, len(conversation.messages) - used)
