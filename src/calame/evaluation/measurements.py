"""All that is measured, in the order in which it is done and shown: an entry a measurement."""

from __future__ import annotations

from calame.evaluation import exam, losses, on_the_way, samples
from calame.evaluation.behaviour import measure as behaviour
from calame.evaluation.behaviour import page as behaviour_page
from calame.evaluation.measurement import Measurement
from calame.evaluation.poison import measure as poison
from calame.evaluation.poison import page as poison_page
from calame.evaluation.probes import measure as probes
from calame.evaluation.probes import page as probes_page
from calame.evaluation.tasks import measure as tasks
from calame.evaluation.tasks import page as tasks_page

MEASUREMENTS = (
    Measurement("losses", "Losses by slice", losses.measure, lines=losses.lines, page=losses.page, words=losses.words),
    Measurement("exam", "Questions", exam.measure, lines=exam.lines, page=exam.page, words=exam.words),
    Measurement(
        "behaviour",
        "How it writes",
        behaviour.measure,
        lines=behaviour_page.lines,
        page=behaviour_page.page,
        words=behaviour_page.words,
    ),
    Measurement(
        "probes", "Probes", probes.measure, lines=probes_page.lines, page=probes_page.page, words=probes_page.words
    ),
    Measurement(
        "poison",
        "What it took from injected text",
        once=poison.measure,
        lines=poison_page.lines,
        page=poison_page.page,
        words=poison_page.words,
    ),
    Measurement(
        "tasks", "Benchmarks", tasks.measure, lines=tasks_page.lines, page=tasks_page.page, words=tasks_page.words
    ),
    Measurement("samples", "What it says", samples.measure, page=samples.page),
    Measurement("training", "On the way", once=on_the_way.measure, page=on_the_way.page, words=on_the_way.words),
)
