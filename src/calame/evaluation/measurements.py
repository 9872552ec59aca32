"""All that is measured, in the order in which it is done and shown: an entry a measurement."""

from __future__ import annotations

from calame.evaluation import exam, losses, samples
from calame.evaluation.measurement import Measurement

MEASUREMENTS = (
    Measurement("losses", "Losses by slice", losses.measure, lines=losses.lines, page=losses.page),
    Measurement("exam", "Questions", exam.measure, lines=exam.lines, page=exam.page),
    Measurement("samples", "What it says", samples.measure, page=samples.page),
)
