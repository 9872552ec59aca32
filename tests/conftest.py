"""What every room's tests share: one thread each (workers share the cores), no network, the same examples each time."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import HealthCheck, settings

from support import Toy

quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile("house", deadline=None, max_examples=50, derandomize=True, suppress_health_check=quiet)
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=quiet)
settings.load_profile("house")


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Toy:
    """A toy recipe with its text, in the current folder (a fresh one)."""
    monkeypatch.chdir(tmp_path)
    return Toy(tmp_path)


# Started in the background, a shell has SIGINT ignored, and every program started from here would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
