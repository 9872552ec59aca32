"""Questions with known answers: the share that is right, beside what answering without knowledge would reach.

An answer is right when it holds the expected value as whole words and none of the relation's other values.
Two baselines stand beside each score, computed on the same questions:
- most frequent: every question of a relation is answered with the relation's most frequent expected value;
- shuffled facts: the model's own answers, each held against the expected value of another question of its relation.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calame.corpus import petit_monde
from calame.corpus.files import find_files
from calame.corpus.readers.kinds import read_rows
from calame.evaluation.artefacts import ExamAnswer
from calame.evaluation.intervals import wilson_low
from calame.evaluation.measurement import ByModel, CannotMeasure, Found, Subject, Verdict
from calame.evaluation.records import write_rows
from calame.inference.generate import Completion, Sampling, complete
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.recipe.named import language_name
from calame.recipe.schema import Recipe
from calame.run.progress import say
from calame.run.tables import table, text_table

ANSWER_TOKENS = 48
KINDS = {  # what the built-in world asks, in words
    "recall": "answer with facts that stand in the text that it read",
    "inference": "answer with what follows from two facts, or from a rule",
}
SHOWN = 3  # answers of each kind and language that the report quotes


@dataclass(frozen=True)
class Question:
    question: str
    value: str
    candidates: tuple[str, ...]
    kind: str
    relation: str
    language: str


@dataclass(frozen=True)
class Answer:
    """An answer with its verdicts."""

    question: Question
    text: str
    stopped: bool
    right: bool
    right_if_shuffled: bool


def measure(subject: Subject) -> Found:
    """{"table": a row per kind and language, "chat": a few of the answers to each}; answers.jsonl: every one.

    Raises `CannotMeasure` for a model that does not know conversations."""
    location = subject.keys.questions
    if not location:
        return None
    if not subject.loaded.tuned:
        raise CannotMeasure("it was never shown a conversation")
    answers = sit_exam(subject.loaded, read_questions(location, subject.setting.recipe))
    write_answers(subject.folder / "answers.jsonl", answers)
    return {"table": score_table(answers), "chat": [_shown(answer) for answer in _few(answers)]}


def _few(answers: Sequence[Answer]) -> list[Answer]:
    """Some of each kind and language, evenly from all over it."""
    return [
        group[n * len(group) // SHOWN] for group in _grouped(answers).values() for n in range(min(SHOWN, len(group)))
    ]


def _shown(answer: Answer) -> dict[str, Any]:
    asked = answer.question
    return {
        "kind": asked.kind,
        "language": asked.language,
        "question": asked.question,
        "answer": answer.text,
        "value": asked.value,
        "right": answer.right,
    }


def read_questions(location: str, recipe: Recipe | None) -> list[Question]:
    """The questions of `evaluation.questions`: rows with question, value, candidates, kind, relation, language."""
    if location == "builtin:petit-monde":
        if recipe is None:
            raise CannotMeasure("no run, and so no world that the questions are about")
        return [_question(row, f"petit-monde:{n}") for n, row in enumerate(_embedded(recipe))]
    questions = []
    for path in find_files(location, (), "evaluation.questions", (".jsonl",)):
        for row in read_rows(path):
            if row.values is None:
                raise refuse("evaluation.questions", f"{row.place}: {row.fault}")
            questions.append(_question(row.values, row.place))
    return questions


def _embedded(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """The questions of the embedded world, as the corpus was written from it."""
    sources = (recipe.corpus.sources[name] for name in recipe.corpus.trained)
    source = next((s for s in sources if s.location == "builtin:petit-monde"), None)
    if source is None:
        raise refuse("evaluation.questions", "no source of the corpus is builtin:petit-monde", "a .jsonl file")
    seed = recipe.seed if source.seed is None else source.seed
    return petit_monde.rows("questions", seed=seed, size=source.size or 0, languages=recipe.languages)


def _question(row: dict[str, Any], place: str) -> Question:
    missing = [name for name in ("question", "value") if not isinstance(row.get(name), str)]
    if missing:
        raise refuse("evaluation.questions", f"{place} has no {' and no '.join(missing)}", "question, value")
    candidates = row.get("candidates") or [row["value"]]
    if not isinstance(candidates, list):
        raise refuse("evaluation.questions", f"{place}: candidates is no list", "a list of the values that may be said")
    return Question(
        row["question"],
        row["value"],
        tuple(map(str, candidates)),
        str(row.get("kind", "question")),
        str(row.get("relation", "")),
        str(row.get("language", "")),
    )


def holds(text: str, value: str) -> bool:
    """Whether a text holds a value as whole words, whatever the case."""
    return bool(_named(text, [value]))


def is_right(text: str, value: str, candidates: Sequence[str]) -> bool:
    """The value is there and no other candidate is; a candidate within the words of a longer one does not count."""
    return _named(text, [value, *candidates]) == {_plain(value)}


def _named(text: str, names: Sequence[str]) -> set[str]:
    """Which of the names, in plain form, stand in a text as whole words; at each place the longest that fits."""
    plain = sorted({_plain(name) for name in names} - {""}, key=len, reverse=True)
    if not plain:
        return set()
    return set(re.findall(rf"(?<!\w)(?:{'|'.join(map(re.escape, plain))})(?!\w)", _plain(text)))


def _plain(text: str) -> str:
    """One form for case, accents, apostrophes, and white space of any width."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().replace("’", "'").split())


def sit_exam(loaded: Loaded, questions: Sequence[Question]) -> list[Answer]:
    """Ask every question in a conversation of its own, greedily. One that is longer than the model's context gets an
    empty answer, which is wrong and did not stop."""
    prompts = [loaded.tokenizer.chat([{"role": "user", "content": q.question}]) for q in questions]
    room = loaded.model.config.max_position_embeddings
    answered = iter(complete(loaded, [ids for ids in prompts if len(ids) < room], Sampling(limit=ANSWER_TOKENS)))
    completions = [next(answered) if len(ids) < room else Completion((), "", False) for ids in prompts]
    if too_long := sum(len(ids) >= room for ids in prompts):
        say(f"  {too_long} questions are longer than the model's {room} positions, and count as wrong")
    shuffled = shuffled_values(questions)
    return [_mark(q, c, value) for q, c, value in zip(questions, completions, shuffled, strict=True)]


def _mark(question: Question, completion: Completion, other: str) -> Answer:
    right = is_right(completion.text, question.value, question.candidates)
    return Answer(
        question, completion.text, completion.stopped, right, is_right(completion.text, other, question.candidates)
    )


def shuffled_values(questions: Sequence[Question]) -> list[str]:
    """For each question the expected value of the next one of its kind, relation and language; none if it is alone."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for number, q in enumerate(questions):
        places.setdefault((q.kind, q.relation, q.language), []).append(number)
    values = [""] * len(questions)
    for group in (numbers for numbers in places.values() if len(numbers) > 1):
        for here, there in zip(group, group[1:] + group[:1], strict=True):
            values[here] = questions[there].value
    return values


def score_table(answers: Sequence[Answer]) -> list[dict[str, object]]:
    """A row per kind and language: questions, share right with its standard error, baselines, share that stopped."""
    groups = _grouped(answers)
    return [{"kind": kind, "language": language, **_score(group)} for (kind, language), group in groups.items()]


def _grouped(answers: Sequence[Answer]) -> dict[tuple[str, str], list[Answer]]:
    """By kind and language."""
    groups: dict[tuple[str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.question.kind, answer.question.language), []).append(answer)
    return groups


def _score(answers: Sequence[Answer]) -> dict[str, float]:
    number = len(answers)
    right = sum(answer.right for answer in answers) / number
    frequent: dict[str, Counter[str]] = {}
    for answer in answers:
        frequent.setdefault(answer.question.relation, Counter())[answer.question.value] += 1
    return {
        "questions": number,
        "right": round(right, 4),
        "stderr": round(math.sqrt(right * (1 - right) / number), 4),
        "most_frequent": round(sum(counts.most_common(1)[0][1] for counts in frequent.values()) / number, 4),
        "shuffled_facts": round(sum(answer.right_if_shuffled for answer in answers) / number, 4),
        "stopped": round(sum(answer.stopped for answer in answers) / number, 4),
    }


def write_answers(path: Path, answers: Sequence[Answer]) -> None:
    """Every question with its answer, a line each."""
    said = ({"answer": answer.text, "stopped": answer.stopped, "right": answer.right} for answer in answers)
    write_rows(path, (ExamAnswer(**vars(a.question), **more) for a, more in zip(answers, said, strict=True)))


def lines(found: ByModel) -> list[str]:
    """The exam as a table for the terminal, of the last model that sat it."""
    *_, last = found.values()
    head = ["kind", "language", "questions", "right", "most frequent", "shuffled", "stopped"]
    return text_table(head, [[row["kind"], row["language"], *_numbers(row)] for row in last["table"]])


def page(found: ByModel) -> str:
    """The exam's table of each model that sat it, and a few of its answers, the wrong ones with what was expected."""
    head = ["held-out questions", "number", "right", "most frequent answer", "shuffled facts", "ended by itself"]
    parts = []
    for part in found.values():
        parts.append(table(head, [[f"{row['kind']} {row['language']}", *_numbers(row)] for row in part["table"]]))
        parts.append(table(["of these", "it answers", ""], map(_turn, part["chat"])))
    return "".join(parts)


def _turn(turn: Mapping[str, Any]) -> list[str]:
    return [turn["question"], turn["answer"], "right" if turn["right"] else f"wrong: {turn['value']}"]


def _numbers(row: Mapping[str, Any]) -> list[str]:
    return [
        str(row["questions"]),
        f"{row['right']:.1%} ± {row['stderr']:.1%}",
        *(f"{row[name]:.1%}" for name in ("most_frequent", "shuffled_facts", "stopped")),
    ]


def words(found: ByModel) -> list[str]:
    """What the last model can and cannot answer: a sentence a kind of question and verdict, from the scores beside the
    better of the two baselines."""
    *_, last = found.values()
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in last["table"]:
        groups.setdefault((row["kind"], _verdict(row)), []).append(row)
    return [Verdict.of(verdict, _sentence(kind, rows)) for (kind, verdict), rows in groups.items()]


def _verdict(row: Mapping[str, Any]) -> str:
    """Better than a baseline is what lies above it with the whole of its 95 % interval (Wilson 1927)."""
    if wilson_low(row["right"], row["questions"]) <= _baseline(row):
        return "cannot"
    return "can" if row["right"] >= 0.5 else "in part"


def _baseline(row: Mapping[str, Any]) -> float:
    return max(row["most_frequent"], row["shuffled_facts"])


def _sentence(kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    scores = [
        f"{row['right']:.0%} of {row['questions']}"
        + (f" in {language_name(row['language'])}" if row["language"] else "")
        for row in rows
    ]
    without = max(map(_baseline, rows))
    what = KINDS.get(kind, f"answer questions of kind {kind}")
    return f"{what}: {', '.join(scores)} right; without knowing anything {without:.0%}"


def shortfalls(require: Mapping[str, float], found: ByModel) -> list[str]:
    """What `evaluation.require` asks and the exam did not reach, in words; also an answer that did not stop."""
    scored = [row for part in found.values() for row in part["table"]]
    words = []
    for kind, least in require.items():
        rows = [row for row in scored if row["kind"] == kind]
        if not rows:
            words.append(f"no question of kind {kind} was asked")
        for row in rows:
            if row["right"] < least:
                words.append(f"{kind} in {row['language']}: {row['right']:.1%} right, {least:.0%} required")
            if row["stopped"] < 1:
                words.append(
                    f"{kind} in {row['language']}: {1 - row['stopped']:.1%} of the answers did not end by themselves"
                )
    return words
