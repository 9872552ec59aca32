"""Losses of preferences, in the loop in the place of the loss of tokens; and the signs that it goes well.

DPO (Rafailov et al. 2023): -log sigmoid(beta x [(log p(w) - log r(w)) - (log p(l) - log r(l))]), sums over the tokens
of the answers; p is the model, r the frozen one that it began from, so that it begins at ln 2.
SimPO (Meng et al. 2024): -log sigmoid(beta x [mean log p(w) - mean log p(l)] - margin); no reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from calame.recipe.tuning import Dpo
from calame.shards.rows import IGNORE, Rows
from calame.training.batch import LossFunction

SIGNS = ("loss", "accuracy", "margin", "chosen_logp", "rejected_logp")
PAIRS_A_ROW = 32  # at most; a fixed number, for a fixed shape


@dataclass(frozen=True)
class Scores:
    """Of each pair, all (rows, PAIRS_A_ROW) fp32: the loss, the margin between the rewards, and the log-probabilities
    of the two answers under the model (nats). `real` is False where a row has no such pair."""

    loss: Tensor
    margin: Tensor
    chosen: Tensor
    rejected: Tensor
    real: Tensor

    def sums(self) -> Tensor:
        """(1 + SIGNS,) how many pairs there are, and the sums of the signs."""
        right = (self.margin > 0).float()
        columns = (torch.ones_like(self.loss), self.loss, right, self.margin, self.chosen, self.rejected)
        return torch.stack([column.masked_fill(~self.real, 0.0).sum() for column in columns]).detach()


class PreferenceLoss:
    """The sum of the pairs' losses. Rows hold whole pairs: the documents 2k - 1 and 2k of a row are the chosen and the
    rejected answer of its pair k (`PackedData`).

    `signs` adds up what the parts of the last step gave."""

    def __init__(self, policy: LossFunction, reference: LossFunction | None, keys: Dpo):
        assert keys.beta is not None and (reference is None) == (keys.loss == "simpo")
        self.policy, self.reference = policy, reference
        self.model, self.compiled = policy.model, policy.compiled
        self.beta, self.shift = keys.beta, keys.margin or 0.0
        self.signs = self._no_signs()

    def count(self, rows: Rows) -> int:
        """Pairs in the rows of a step that begins."""
        self.signs = self._no_signs()
        return pairs_in(rows)

    def _no_signs(self) -> Tensor:
        return torch.zeros(1 + len(SIGNS), device=self.policy.device.torch)

    def total(self, rows: Rows) -> Tensor:
        scores = self.scores(rows)
        self.signs = self.signs + scores.sums()
        return scores.loss.masked_fill(~scores.real, 0.0).sum()

    def scores(self, rows: Rows) -> Scores:
        documents, asked = (self._send(array) for array in (rows.documents, rows.targets != IGNORE))
        logp, tokens = self._of_answers(self.policy, rows, documents), _by_answer(asked.float(), documents)
        chosen, rejected = logp[:, ::2], logp[:, 1::2]
        if self.reference is None:
            means = logp / tokens.clamp(min=1.0)
            margin = self.beta * (means[:, ::2] - means[:, 1::2])
        else:
            # Compiled, what asks for no gradient is other kernels, and the two models would not begin alike to the bit.
            with torch.set_grad_enabled(self.compiled and torch.is_grad_enabled()):
                theirs = self._of_answers(self.reference, rows, documents).detach()
            margin = self.beta * ((chosen - theirs[:, ::2]) - (rejected - theirs[:, 1::2]))
        return Scores(-F.logsigmoid(margin - self.shift), margin, chosen, rejected, tokens[:, ::2] > 0)

    def _of_answers(self, of: LossFunction, rows: Rows, documents: Tensor) -> Tensor:
        """(rows, 2 x PAIRS_A_ROW) log-probability of each answer, the sum over its tokens."""
        return _by_answer(-of(rows).view(documents.shape), documents)

    def _send(self, array: object) -> Tensor:
        return torch.as_tensor(array).to(self.policy.device.torch)

    @torch.no_grad()
    def divergence(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """KL(model || reference) in nats, summed over the places of the chosen answers' tokens, and how many they are:
        exact over the vocabulary, at places that the data gives and not the model."""
        assert self.reference is not None
        asked = self._send((rows.targets != IGNORE) & (rows.documents % 2 == 1)).flatten()
        ours, theirs = (of.states(rows)[asked] for of in (self.policy, self.reference))
        total = torch.zeros((), device=ours.device)
        for mine, other in zip(ours.split(1024), theirs.split(1024), strict=True):
            p = self.policy.model.logits(mine).float().log_softmax(-1)
            q = self.reference.model.logits(other).float().log_softmax(-1)
            total = total + (p.exp() * (p - q)).sum()
        return total, asked.sum()


def pairs_in(rows: Rows) -> int:
    """How many pairs rows hold: each row numbers its answers from 1."""
    return int((rows.documents.max(1) // 2).sum())


def _by_answer(values: Tensor, documents: Tensor) -> Tensor:
    """values: (rows, context) -> (rows, 2 x PAIRS_A_ROW), summed by document in fp32, in one order on every device."""
    numbers = torch.arange(1, 2 * PAIRS_A_ROW + 1, device=documents.device)
    return (values[:, :, None] * (documents[:, :, None] == numbers)).sum(1)
