"""The judge of quality in the stage corpus: documents whose score is too low go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from calame.corpus.decisions import POOR
from calame.corpus.pool import Decider, Pool
from calame.corpus.quality.decide import decide, rule_of
from calame.recipe.quality import Quality
from calame.run.files import atomic, write_json
from calame.run.progress import say


def quality_judge(quality: Quality, scores: Mapping[str, np.ndarray], folder: Path) -> Decider:
    """`scores`: of the documents of each source that was scored, in order; they replace those that came with the
    documents. Writes SOURCE.scores.npy, and quality.json with the thresholds and why."""

    def drop_poor(pool: Pool) -> None:
        keys = {name: pool.keys[pool.rows(name)] for name in pool.folders}  # views: what is written is the pool's
        for name, found in scores.items():
            keys[name]["score"] = found
        waiting = {name: pool.kept[pool.rows(name)] for name in pool.folders}
        poor, cells = decide(keys, pool.languages, quality, waiting)
        for name in pool.folders:
            pool.decisions[pool.rows(name)][poor[name]] = POOR
            if rule_of(quality, name) is not None:
                with atomic(folder / f"{name}.scores.npy") as file:
                    np.save(file, keys[name]["score"])
        for cell in cells:
            say(f"  quality: {cell}")
        write_json(folder / "quality.json", {"scorer": quality.scorer, "cells": [cell.to_json() for cell in cells]})

    return drop_poor
