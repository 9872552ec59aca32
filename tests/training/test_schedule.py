"""The learning rate in closed form, at listed positions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pytest import MonkeyPatch, approx, mark

from builders import trainer_of
from calame.recipe.derive import default_warmup
from calame.recipe.load import load_recipe
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


# Kinds

PEAK, STEP = 2e-4, 240_000  # of 1gpu-llm small; tokens of a step


@mark.parametrize(
    ("step", "rate"), ((7999, 2e-4), (8000, 2.0e-4), (8200, 1.55e-4), (8600, 6.5e-5), (8800, 2e-5), (9000, 2e-5))
)
def test_wsd_has_the_rates_of_1gpu_llm(step: int, rate: float) -> None:
    """Its tail: from step 8000 linearly over 800 steps to a tenth (its settings; no warm-up in these figures)."""
    schedule = Schedule(kind="wsd", decay=800 * STEP, shape="linear", final=0.1)
    assert PEAK * rate_share(schedule, step * STEP, STEP, 0, 8800 * STEP) == approx(rate, rel=1e-12)


def test_cosine_has_the_rates_of_rodin() -> None:
    """lr(s) = peak (s + 1) / W in the warm-up, then peak (0.1 + 0.9 (1 + cos pi p) / 2), p = (s - W) / (S - W)."""
    warm, steps, batch = 2000, 478_000, 65_536
    for step in (0, 1, 1999, 2000, 2001, 123_456, 477_999):
        p = (step - warm) / (steps - warm)
        wanted = (step + 1) / warm if step < warm else 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * p))
        assert rate_share(Schedule(final=0.1), step * batch, batch, warm * batch, steps * batch) == approx(wanted)


@mark.parametrize("final", (0.0, 0.1))
def test_linear_and_wsd_have_the_lines_of_gaperon(final: float) -> None:
    """r = 1 - (s - W) / (T - W), rate r + (1 - r) m; WSD: flat until T - C, then the same line over C."""
    warm, steps, cooldown, batch = 100, 1000, 300, 64
    for step in (100, 101, 500, 700, 701, 850, 999, 1000):
        r = 1 - (step - warm) / (steps - warm)
        linear = Schedule(kind="linear", final=final)
        assert rate_share(linear, step * batch, batch, warm * batch, steps * batch) == approx(r + (1 - r) * final)
        r = 1 - max(0, step - (steps - cooldown)) / cooldown
        wsd = Schedule(kind="wsd", decay=cooldown * batch, shape="linear", final=final)
        assert rate_share(wsd, step * batch, batch, warm * batch, steps * batch) == approx(r + (1 - r) * final)


def test_constant_stays() -> None:
    schedule = Schedule(kind="constant", final=0.1)
    assert [rate_share(schedule, p, 1, 10, 100) for p in (0, 9, 10, 99, 100, 10_000)] == [0.1, 1, 1, 1, 1, 1]


@mark.parametrize(
    ("shape", "quarter"), (("linear", 0.75), ("cosine", (1 + math.cos(math.pi / 4)) / 2), ("1-sqrt", 0.5))
)
def test_shapes_of_the_decay(shape: Any, quarter: float) -> None:
    schedule = Schedule(kind="wsd", decay=400, shape=shape, final=0.2)
    shares = [rate_share(schedule, p, 1, 0, 1000) for p in (0, 599, 600, 700, 1000, 1001)]
    assert shares == approx([1, 1, 1, 0.2 + 0.8 * quarter, 0.2, 0.2])


def test_without_a_length_the_decay_is_a_fifth() -> None:
    assert [rate_share(Schedule(kind="wsd", final=0), p, 1, 0, 1000) for p in (800, 900)] == [1, approx(0.5)]


def test_a_decay_longer_than_what_is_left_begins_after_the_warmup() -> None:
    schedule = Schedule(kind="wsd", decay=1000, shape="linear", final=0)
    assert [rate_share(schedule, p, 1, 50, 100) for p in (49, 50, 75, 100)] == [1, 1, 0.5, 0]


@mark.parametrize(
    ("name", "steps", "rates"),
    (
        ("1gpu-llm-small", 8600, {4000: 2e-4, 8000: 2e-4, 8200: 1.55e-4, 8599: 2e-4 - 1.8e-4 * 599 / 800}),
        ("rodin-1b", 478_000, {0: 3e-4 / 2000, 1999: 3e-4, 240_000: 3e-4 * 0.55}),
        ("klovis-144m", 203_125, {0: 1.2e-3 / 2000, 2000: 1.2e-3}),
        ("gaperon-young-1b", 715_255, {1999: 3e-4, 600_000: 3e-4, 710_255: 3e-4, 712_755: 3e-4 * 0.55}),
    ),
)
def test_the_published_recipes_have_the_originals_steps_and_rates(
    name: str, steps: int, rates: dict[int, float], monkeypatch: MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CALAME_DATA", str(tmp_path))
    keys = load_recipe(name)[0].pretrain
    schedule, timeline = keys.schedule, keys.timeline
    warmup = default_warmup(keys.tokens) if schedule.warmup is None else schedule.warmup
    assert timeline.steps(keys.tokens) == steps
    for step, rate in rates.items():
        position = timeline.position(step)
        batch = timeline.at(position).batch
        share = rate_share(schedule, position, batch, warmup, schedule.horizon or keys.tokens)
        assert keys.optimizer.learning_rate * share == approx(rate, rel=1e-3)
