"""What this machine's cards draw while they train: watts and kWh, as the driver counts them.

NVML (the package nvidia-ml-py, module `pynvml`) knows the energy of a card since its driver was loaded, from Volta on.
Where it does not say, the power at each line of the metrics is integrated: an estimate, and marked as one. Nothing here
ever stops a training.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from calame.model.device import Device
from calame.run.progress import say
from calame.training.parallel import Team

JOULES = 3.6e6  # in a kWh


class Energy:
    """Energy since this object was made, of the cards that this machine's processes train on; where it cannot be
    measured, nothing. Only the chief asks; other machines are taken to draw as much as its own."""

    def __init__(self, team: Team, device: Device):
        self.machines = team.size / team.local
        self.estimated = self.machines > 1
        self.joules = 0.0
        self._read: Callable[[], float] | None = None
        self.began = self.last = time.monotonic()
        if team.chief and device.torch.type == "cuda" and torch.version.hip is None:
            self._attempt(lambda: self._begin(team))

    def telemetry(self) -> dict[str, Any]:
        """perf/watts since the last call, energy/kwh since the beginning; nothing where it is not measured."""
        before, since = self.joules, self.last
        if not self._advance():
            return {}
        watts = (self.joules - before) / max(self.last - since, 1e-9)
        marked = {"energy/estimated": True} if self.estimated else {}
        return {"perf/watts": round(watts, 1), "energy/kwh": round(self.joules / JOULES, 6), **marked}

    def conclude(self) -> None:
        """Say what it came to."""
        if self._advance() and self.joules:
            mean = self.joules / max(self.last - self.began, 1e-9)
            say(f"  energy: {self.joules / JOULES:.4g} kWh, {mean:,.0f} W{', estimated' if self.estimated else ''}")

    def _begin(self, team: Team) -> None:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        # The processes of a machine take its cards in their order; one alone has the current one.
        numbers = range(team.local) if team.size > 1 else [torch.cuda.current_device()]
        # By UUID: NVML counts all cards of the machine, torch those that CUDA_VISIBLE_DEVICES leaves, in its order.
        uuids = [f"GPU-{torch.cuda.get_device_properties(number).uuid}" for number in numbers]
        cards = [nvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]

        def counted() -> float:
            """Joules since the drivers were loaded."""
            return sum(nvml.nvmlDeviceGetTotalEnergyConsumption(card) for card in cards) / 1e3

        def drawn() -> float:
            """Watts."""
            return sum(nvml.nvmlDeviceGetPowerUsage(card) for card in cards) / 1e3

        try:
            self._read = _Counter(counted)
        except nvml.NVMLError:  # not supported: older than Volta
            self._read, self.estimated = _Integral(drawn), True

    def _advance(self) -> bool:
        """Bring the joules up to now. False: they are not measured, or no more."""
        self._attempt(self._add)
        return self._read is not None

    def _add(self) -> None:
        if self._read is not None:
            self.joules, self.last = self._read() * self.machines, time.monotonic()

    def _attempt(self, what: Callable[[], None]) -> None:
        """Whatever goes wrong with a meter is said once, and the training goes on without it."""
        try:
            what()
        except ModuleNotFoundError:
            say("  energy is not measured: pip install 'calame[monitor]'")
        except Exception as error:  # NVML raises a class for each of its codes, and others where its library is odd
            self._read = None
            say(f"  energy is not measured: {' '.join(str(error).split())}")


class _Counter:
    """Joules since it was made, from a count that never begins anew."""

    def __init__(self, count: Callable[[], float]):
        self.count, self.first = count, count()

    def __call__(self) -> float:
        return self.count() - self.first


class _Integral:
    """Joules since it was made, from watts now and then, taken to go in a straight line from one to the next."""

    def __init__(self, watts: Callable[[], float]):
        self.watts, self.joules = watts, 0.0
        self.power, self.time = watts(), time.monotonic()

    def __call__(self) -> float:
        power, now = self.watts(), time.monotonic()
        self.joules += (power + self.power) / 2 * (now - self.time)
        self.power, self.time = power, now
        return self.joules
