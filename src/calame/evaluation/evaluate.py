"""Stage evaluation: the selected model and the tuned one are measured in every way that the recipe asks for.

evaluation.json        what each measurement found, under its name, by model; beside that:
                       models          {name: checkpoint}
                       seconds         {measurement: {model: seconds}}
                       not_measured    {measurement: {model: reason}}
MEASUREMENT/MODEL/     files of its own that a measurement left
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from calame.evaluation.measurement import CannotMeasure, Found, Measurement, Setting, Subject
from calame.inference.load import Loaded, load_any
from calame.recipe.errors import UserError
from calame.recipe.units import say_seconds
from calame.run.files import digest, read_json, write_json
from calame.run.progress import say
from calame.run.stage import PARTS
from calame.training.keeping import all_finite

FILE = "evaluation.json"
ALL = "all"  # stands for the model where a measurement is made once
RESULT, ASKED = "result.json", ".asked.json"


def evaluate(setting: Setting, measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Make every measurement of every model, write `evaluation.json` and return it.

    One that cannot be made is noted with its reason, and the rest goes on. What is finished when this is interrupted
    lies in PARTS, and is not made again."""
    found = _Results(setting, measurements)
    for name, path in setting.models.items():
        load = cache(lambda path=path: _loaded(path, setting))
        for measurement in measurements:
            if measurement.each:
                found.add(measurement, name, _of_model(measurement.each, name, load, setting))
    for measurement in measurements:
        if measurement.once:
            found.add(measurement, ALL, lambda folder, once=measurement.once: once(setting, folder))
    return found.finish()


def _loaded(path: Path, setting: Setting) -> Loaded:
    """Raises `CannotMeasure` for a model whose weights are no numbers: whatever it says is none either."""
    loaded = load_any(str(path), device=setting.device)
    if not all_finite(loaded.model.state_dict()):
        raise CannotMeasure("its weights are no numbers")
    return loaded


def _of_model(
    measure: Callable[[Subject], Found], name: str, load: Callable[[], Loaded], setting: Setting
) -> Callable[[Path], Found]:
    return lambda folder: measure(Subject(name, load(), setting, folder))


class _Results:
    """What was found so far. Each measurement of a model is made in a folder that is whole or absent."""

    def __init__(self, setting: Setting, measurements: Sequence[Measurement]):
        self.folder, self.parts = setting.folder, setting.folder / PARTS
        self.found: dict[str, Any] = {m.name: {} for m in measurements}
        self.seconds: dict[str, dict[str, float]] = {}
        self.reasons: dict[str, dict[str, str]] = {}
        self.models = {name: path.name for name, path in setting.models.items()}
        asked = digest(
            [[str(path.resolve()) for path in setting.models.values()], setting.keys.model_dump(mode="json")]
        )
        if not (self.parts / ASKED).is_file() or read_json(self.parts / ASKED) != asked:
            shutil.rmtree(self.parts, ignore_errors=True)  # of other models, or of other keys
            self.parts.mkdir(parents=True)
            write_json(self.parts / ASKED, asked)

    def add(self, measurement: Measurement, model: str, make: Callable[[Path], Found]) -> None:
        name, part = measurement.name, self.parts / f"{measurement.name}.{model}"
        try:
            result = self._made(part, make)
        except (CannotMeasure, UserError) as error:
            self.reasons.setdefault(name, {})[model] = str(error)
            say(f"  {name} of {model}: not measured: {error}")
            return
        if result["found"] is not None:
            self.seconds.setdefault(name, {})[model] = result["seconds"]
            self.found[name][model] = result["found"]
            say(f"  {name} of {model}: {say_seconds(result['seconds'])}")

    def _made(self, part: Path, make: Callable[[Path], Found]) -> dict[str, Any]:
        """Found and seconds of a measurement: those of its folder, where it is finished."""
        if not part.is_dir():
            new = part.with_name(f".{part.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            start = time.monotonic()
            found = make(new)
            write_json(new / RESULT, {"found": found, "seconds": round(time.monotonic() - start, 2)})
            new.rename(part)
        return read_json(part / RESULT)

    def finish(self) -> dict[str, Any]:
        """Put the files in their place and write `evaluation.json`, which says that everything is there."""
        found = {name: part.get(ALL, part) for name, part in self.found.items() if part}
        result = {**found, "models": self.models, "seconds": self.seconds, "not_measured": self.reasons}
        for name, models in self.found.items():
            for model in models:
                self._settle(self.parts / f"{name}.{model}", self.folder / name / (model if model != ALL else ""))
        write_json(self.folder / FILE, result)
        shutil.rmtree(self.parts)
        return result

    def _settle(self, part: Path, place: Path) -> None:
        """Copy the files of a measurement to where they stay."""
        files = [path for path in part.iterdir() if path.name != RESULT]
        shutil.rmtree(place, ignore_errors=True)
        if files:
            shutil.copytree(part, place, ignore=shutil.ignore_patterns(RESULT), dirs_exist_ok=True)


def table_lines(result: dict[str, Any], measurements: Sequence[Measurement]) -> list[str]:
    """What was found, as tables for the terminal, and what could not be measured."""
    lines = []
    for measurement in measurements:
        if measurement.name in result:
            lines += measurement.lines(result[measurement.name])
    if not any(measurement.name in result for measurement in measurements):
        lines.append("  nothing was measured")
    return lines + not_measured(result)


def not_measured(result: dict[str, Any]) -> list[str]:
    """What could not be measured, with the reasons."""
    return [
        f"  {name} of {model}: not measured: {reason}"
        for name, models in result.get("not_measured", {}).items()
        for model, reason in models.items()
    ]
