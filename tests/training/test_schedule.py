"""The learning rate in closed form, at listed positions."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx, mark

from builders import trainer_of
from calame.recipe.schema import Schedule
from calame.run import telemetry
from calame.training.schedule import rate_share


@mark.parametrize(
    ("position", "share"),
    (
        (0, 1 / 1000),
        (499, 0.5),
        (998, 0.999),
        (999, 1.0),
        (1000, 1.0),
        (3250, 0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2),
        (5500, 0.55),
        (10_000, 0.1),
        (25_000, 0.1),
    ),
)
def test_listed_positions(position: int, share: float) -> None:
    assert rate_share(Schedule(final=0.1), position, 1, warmup=1000, horizon=10_000) == approx(share, rel=1e-12)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert rate_share(Schedule(final=0), 0, 1, 0, 100) == 1
    assert rate_share(Schedule(final=0), 100, 1, 0, 100) == 0


def test_steps_of_a_warmup_rise_evenly_to_the_full_rate() -> None:
    """Step s of S has (s + 1) / S, and a warm-up that is no whole number of steps never passes 1."""
    assert [rate_share(Schedule(), step * 64, 64, 256, 1000) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate_share(Schedule(), 64, 64, 100, 1000) == 1.0


def test_a_warmup_as_long_as_the_run_falls_only_after_it() -> None:
    assert [rate_share(Schedule(), p, 1, 10, 10) for p in (0, 9, 10)] == [0.1, 1.0, 1.0]
    assert rate_share(Schedule(), 11, 1, 10, 10) == approx(0.1)


@given(warmup=st.integers(0, 1000), more=st.integers(1, 10_000), final=st.floats(0, 1))
def test_it_rises_then_falls_within_its_bounds(warmup: int, more: int, final: float) -> None:
    shares = [rate_share(Schedule(final=final), p, 1, warmup, warmup + more) for p in range(0, warmup + more + 10, 37)]
    assert all(0 < share <= 1 + 1e-12 or (final == 0 and share >= 0) for share in shares)
    rising = [share for p, share in zip(range(0, warmup, 37), shares, strict=False)]
    assert rising == sorted(rising)
    falling = shares[len(rising) :]
    assert falling == sorted(falling, reverse=True)


def test_the_loop_uses_it(tmp_path: Path) -> None:
    trainer_of(tmp_path).run()
    rates = [line["train/lr"] for line in telemetry.read(tmp_path) if "train/lr" in line]
    assert rates == approx([1e-2 * rate_share(Schedule(), step * 64, 64, 100, 512) for step in range(8)])
