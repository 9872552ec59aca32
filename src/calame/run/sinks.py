"""Where a run's numbers go beside metrics.jsonl, by the key `execution.telemetry`: Trackio (a local database),
TensorBoard (local files) and Weights & Biases. A sink that fails is closed and named once; the run goes on.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from calame.run.files import atomic
from calame.run.launch import chief
from calame.run.progress import say

ID = "telemetry-id"  # what the sinks know a trained stage by, in its folder: a run that goes on is the same to them


class Sink(Protocol):
    """One program that shows curves."""

    def log(self, values: dict[str, float], step: int) -> None: ...

    def close(self) -> None: ...


class _Trackio:
    def __init__(self, project: str, name: str, folder: Path):
        os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))  # read when trackio is imported
        import trackio  # pyright: ignore[reportMissingImports]

        quiet: dict[str, Any] = {"auto_log_gpu": False, "auto_log_cpu": False, "embed": False}
        self.run = trackio.init(project=project, name=name, resume="allow", **quiet)

    def log(self, values: dict[str, float], step: int) -> None:
        self.run.log(values, step=step)

    def close(self) -> None:
        self.run.finish()


class _TensorBoard:
    def __init__(self, project: str, name: str, folder: Path):
        from torch.utils.tensorboard.writer import SummaryWriter

        self.open = lambda step: SummaryWriter(str(folder / "tensorboard" / name), purge_step=step)
        self.writer: Any = None

    def log(self, values: dict[str, float], step: int) -> None:
        if self.writer is None:  # what an interrupted attempt wrote from this step on is hidden
            self.writer = self.open(step)
        for key, value in values.items():
            self.writer.add_scalar(key, value, step)
        self.writer.flush()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class _Wandb:
    def __init__(self, project: str, name: str, folder: Path):
        import wandb  # pyright: ignore[reportMissingImports]

        self.run = wandb.init(project=project, name=name, id=name, resume="allow", dir=str(folder))

    def log(self, values: dict[str, float], step: int) -> None:
        self.run.log(values, step=step)

    def close(self) -> None:
        self.run.finish()


SINKS: dict[str, Callable[[str, str, Path], Sink]] = {
    "trackio": _Trackio,
    "tensorboard": _TensorBoard,
    "wandb": _Wandb,
}


class Sinks:
    """All sinks of a trained stage. `wanted`: names of SINKS; `project`: the recipe's name; `run`: the run's folder;
    `own`: the stage's."""

    def __init__(self, wanted: Sequence[str], project: str, stage: str, run: Path, own: Path):
        self._open: dict[str, Sink] = {}
        for kind in wanted if chief() else ():
            name = f"{stage.replace('/', '-')}-{_identity(own)}"
            self._try(kind, lambda kind=kind, name=name: self._open.__setitem__(kind, SINKS[kind](project, name, run)))

    def log(self, step: int, values: dict[str, Any]) -> None:
        """Pass on what is a number."""
        numbers = {key: float(value) for key, value in values.items() if isinstance(value, int | float)}
        for kind, sink in list(self._open.items()):
            self._try(kind, lambda sink=sink: sink.log(numbers, step))

    def close(self) -> None:
        for kind, sink in list(self._open.items()):
            self._try(kind, sink.close)
        self._open.clear()

    def _try(self, kind: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # whatever a foreign program raises, training does not stop for it
            self._open.pop(kind, None)
            say(
                f"  telemetry: {kind} is left out from here on ({type(error).__name__}: {error}); metrics.jsonl goes on"
            )


def _identity(folder: Path) -> str:
    path = folder / ID
    if not path.is_file():
        with atomic(path, "w") as file:
            file.write(uuid.uuid4().hex[:8])
    return path.read_text()
