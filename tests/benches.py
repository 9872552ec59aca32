"""Small folders of tasks, and models that know nothing or everything, for the tests of benchmarks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from calame.evaluation.tasks.items import read_items
from calame.evaluation.tasks.shape import shape_of
from calame.evaluation.tasks.shots import Chosen, choose_items

ROWS: dict[str, list[dict[str, Any]]] = {
    "minimal_pairs": [
        {"good": f"le chat {n} dort", "bad": f"le chat {n} dorment", "paradigm": "ab"[n % 2]} for n in range(6)
    ],
    "multiple_choice": [
        {"question": f"Combien font {n} et 1 ?", "choices": [str(n), str(n + 1), "rien"][: 2 + n % 2], "answer": 1}
        for n in range(6)
    ],
    "winograd": [
        {"prefix": "Élise parle à Anne car ", "suffix": f" a {n} ans.", "choices": ["Élise", "Anne"], "answer": n % 2}
        for n in range(6)
    ],
    "nli": [
        {"premise": f"Il a {n} ans.", "hypothesis": f"Il est né il y a {n} ans.", "label": 0 if n else 2}
        for n in range(6)
    ],
    "acceptability": [{"sentence": f"la mer {n}", "label": n % 2, "category": "x"} for n in range(12)],
    "last_word": [{"context": f"la mer et la lune {n} et la", "target": "mer"} for n in range(6)],
    "extractive_qa": [
        {"context": f"Le lac {n} est bleu.", "question": f"Comment est le lac {n} ?", "answers": ["bleu", "tout bleu"]}
        for n in range(6)
    ],
    "math": [{"question": f"Combien font {n} fois 2 ?", "answer": str(2 * n)} for n in range(6)],
    "language_id": [
        {"text": "Le petit chat dort sur la chaise près de la fenêtre.", "lang": "fr"},
        {"text": "Il gatto dorme sulla sedia vicino alla finestra della cucina.", "lang": "it"},
        {"text": "The little cat sleeps on the chair near the window.", "lang": "en"},
    ],
    "open_questions": [{"question": "Que penses-tu de la mer ?"}],
}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def folder_of(folder: Path, *shapes: str, **more: Any) -> Path:
    """A folder with a French task of each shape, and its manifest; `more` goes into every entry."""
    entries = []
    for shape in shapes or tuple(ROWS):
        write_rows(folder / f"fr-{shape}.jsonl", ROWS[shape])
        entries.append({"file": f"fr-{shape}.jsonl", "type": shape, "lang": "fr", **more})
    (folder / "MANIFEST.json").write_text(json.dumps({"files": entries}), encoding="utf-8")
    return folder


def chosen_of(tmp_path: Path, shape: str, rows: Sequence[Mapping[str, Any]], shots: int = 0) -> Chosen:
    """The items of rows, as they are measured."""
    asked = shape_of(shape, "fr", shape, {})
    return choose_items(read_items(write_rows(tmp_path / "rows.jsonl", rows), asked).items, asked, shots, None, None)
