"""Versions of the stages' behaviour; one is raised whenever the same input gives another output (tests/golden.json)."""

from __future__ import annotations

VERSIONS = {
    "petit-monde": 4,  # no stage, but what stages read
    "gather": 4,
    "quality": 2,
    "join": 4,
    "inject": 1,
    "tokenizer": 1,
    "shards": 1,
    "pretrain": 3,
    "select": 1,
    "compare": 1,  # no stage, but how select chooses where it compares
    "sft": 4,
    "dpo": 1,
    "evaluation": 5,
    "release": 2,
}
