"""The same sums in the same order, every time: `execution.deterministic`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from calame.recipe.errors import refuse


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Within it, two equal trainings on one machine end in the same bits. On a CPU they do so anyway.

    torch then takes attention whose backward pass is deterministic (flash, not cuDNN), sorted sums where others add
    atomically, and compiled kernels that no stopwatch has chosen. Raises `UserError` where an operation that the
    training needs has no such form on the device.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when torch first multiplies on the device
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with _compiled_alike():
            yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise refuse(
            "execution.deterministic",
            str(error).splitlines()[0],
            "a training whose every operation has a deterministic form on the device",
            "execution.deterministic=false, or execution.kernels=plain execution.compile=off beside it",
        ) from error
    finally:
        torch.use_deterministic_algorithms(before)


@contextmanager
def _compiled_alike() -> Iterator[None]:
    if not torch.cuda.is_available():
        yield
        return
    from torch._inductor import config  # seconds to import

    with config.patch({"deterministic": True} if hasattr(config, "deterministic") else {}):
        yield
