"""All that is measured, in the order in which it is done and shown: an entry a measurement."""

from __future__ import annotations

from calame.evaluation import exam, losses, samples
from calame.evaluation.measurement import Measurement
from calame.evaluation.tasks import measure as tasks
from calame.evaluation.tasks import page as tasks_page

MEASUREMENTS = (
    Measurement("losses", "Losses by slice", losses.measure, lines=losses.lines, page=losses.page),
    Measurement("exam", "Questions", exam.measure, lines=exam.lines, page=exam.page),
    Measurement(
        "tasks", "Benchmarks", tasks.measure, lines=tasks_page.lines, page=tasks_page.page, words=tasks_page.words
    ),
    Measurement("samples", "What it says", samples.measure, page=samples.page),
)
