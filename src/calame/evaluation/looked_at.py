"""A model in the midst of its training, measured, and left as it was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from calame.training.stopping import poll


@contextmanager
def looked_at(model: nn.Module) -> Iterator[None]:
    """Without dropout; and each pass of the model first asks whether the run is to stop: then `Cut` is raised, and what
    was being measured is measured again when the run goes on."""
    training = model.training
    asking = model.register_forward_pre_hook(lambda *_: poll())
    model.eval()
    try:
        yield
    finally:
        asking.remove()
        model.train(training)
