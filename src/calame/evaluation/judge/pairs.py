"""Which of two texts is better, asked in both orders: a verdict that changes with the order is a tie.

Judges lean to a position (Zheng et al. 2023, "Judging LLM-as-a-judge", 3.3): how much this one does is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from calame.evaluation.intervals import mean_interval, share_interval
from calame.evaluation.judge.agreement import Agreement, agreement, in_words
from calame.evaluation.judge.asking import Asked, ask
from calame.evaluation.judge.generations import Pair
from calame.evaluation.judge.rubric import Rubric, Rubrics
from calame.evaluation.judge.verdict import SECOND, TIE, parse_verdict
from calame.evaluation.records import Number, Record, number_of, say_number
from calame.recipe.errors import UserError
from calame.run.endpoint import Endpoint

LABELS = ("a", "b", TIE)
LEAST = 0.5  # share of the pairs that must have been judged: of fewer, no rate is given
RELIABLE = 0.5  # share of equal verdicts in both orders below which the order decides more than the texts


class Verdict(Record):
    """One pair, by one judge: a line of verdicts.jsonl."""

    judge: str = Field(description="model that judged")
    id: str = Field(description="of the prompt")
    language: str = Field(description="of the prompt")
    prompt: str = Field(description="what both texts follow")
    a: str = Field(description="text of the first model")
    b: str = Field(description="text of the second model")
    a_first: str | None = Field(description="a, b or tie where a stood first; null: no readable verdict")
    b_first: str | None = Field(description="the same where b stood first")
    verdict: str | None = Field(description="that of both orders where they are equal, else tie; null where one is")
    reasons: list[str] = Field(description="what the judge said, in the two orders")


class Preference(Record):
    """How often each of two models was preferred."""

    pairs: int = Field(description="that were judged in both orders")
    a_wins: int = Field(description="pairs with a verdict for A in both orders")
    b_wins: int = Field(description="the same for B")
    ties: int = Field(description="equal, or another verdict in each order")
    a_win_rate: Number | None = Field(description="share that a won, ties counting half; null: too few were judged")


class Position(Record):
    """How much the order decides."""

    same: Number | None = Field(description="share of the pairs with the same verdict in both orders")
    first: int = Field(description="pairs where the text shown first won in both orders")
    second: int = Field(description="pairs where the text shown second won in both orders")
    bias: Number | None = Field(description="verdicts for the first text less those for the second, a verdict; 0: none")
    agreement: Agreement = Field(description="between the verdicts of the two orders")


class Judgement(Record):
    """What one judge found of the pairs."""

    asked: Asked = Field(description="what became of the questions")
    overall: Preference = Field(description="over all pairs")
    languages: dict[str, Preference] = Field(description="the same by language of the prompts")
    position: Position = Field(description="how much the order decides")
    words: list[str] = Field(description="the result in sentences")


@dataclass(frozen=True)
class Question:
    """One pair in one order."""

    pair: Pair
    turned: bool  # b stands first

    def ask(self, rubric: Rubric) -> list:
        texts = (self.pair.b.text, self.pair.a.text) if self.turned else (self.pair.a.text, self.pair.b.text)
        return rubric.ask_pair(self.pair.a.prompt, *texts)

    def label(self, said: str) -> str:
        """Whom a verdict about positions is for."""
        return TIE if said == TIE else "ab"[(said == SECOND) != self.turned]


def judge_pairs(
    pairs: Sequence[Pair], endpoint: Endpoint, rubrics: Rubrics
) -> tuple[list[Verdict], Judgement, UserError | None]:
    """The verdict on each pair, what they come to, and the error of an endpoint that failed on the way."""
    questions = []
    for pair in pairs:
        rubric = rubrics.of(pair.a.language)
        assert rubric is not None, "languages were checked"
        questions += [(q, q.ask(rubric)) for q in (Question(pair, False), Question(pair, True))]
    found, asked, error = ask(endpoint, questions, lambda _, text: parse_verdict(text))
    said = {(question.pair.id, question.turned): (question, verdict) for question, verdict in found}
    verdicts = [_verdict(endpoint.model.name, pair, said) for pair in pairs]
    return verdicts, judgement_of(verdicts, asked), error


def _verdict(
    judge: str, pair: Pair, said: Mapping[tuple[str, bool], tuple[Question, tuple[str, str] | None]]
) -> Verdict:
    labels, reasons = [], []
    for turned in (False, True):
        question, verdict = said.get((pair.id, turned), (None, None))
        labels.append(question.label(verdict[0]) if question and verdict else None)
        reasons.append(verdict[1] if verdict else "")
    whole = None if None in labels else labels[0] if labels[0] == labels[1] else TIE
    return Verdict(
        judge=judge,
        id=pair.id,
        language=pair.a.language,
        prompt=pair.a.prompt,
        a=pair.a.text,
        b=pair.b.text,
        a_first=labels[0],
        b_first=labels[1],
        verdict=whole,
        reasons=reasons,
    )


def judgement_of(verdicts: Sequence[Verdict], asked: Asked) -> Judgement:
    languages = sorted({verdict.language for verdict in verdicts})
    by_language = {language: [v for v in verdicts if v.language == language] for language in languages}
    overall, position = preference(verdicts), position_of(verdicts)
    return Judgement(
        asked=asked,
        overall=overall,
        languages={language: preference(part) for language, part in by_language.items()},
        position=position,
        words=_words(len(verdicts), overall, position, asked),
    )


def preference(verdicts: Sequence[Verdict]) -> Preference:
    """Wins, ties, and the win rate where enough pairs were judged."""
    judged = [verdict.verdict for verdict in verdicts if verdict.verdict is not None]
    enough = len(judged) >= max(1, LEAST * len(verdicts))
    rate = share_interval([{"a": 1.0, "b": 0.0, TIE: 0.5}[verdict] for verdict in judged]) if enough else None
    wins = {label: judged.count(label) for label in LABELS}
    return Preference(
        pairs=len(judged),
        a_wins=wins["a"],
        b_wins=wins["b"],
        ties=wins[TIE],
        a_win_rate=number_of(rate) if rate else None,
    )


def position_of(verdicts: Sequence[Verdict]) -> Position:
    both = [(v.a_first, v.b_first) for v in verdicts if v.verdict is not None]
    leanings = [((one == "a") - (one == "b") + (two == "b") - (two == "a")) / 2 for one, two in both]
    same = share_interval([float(one == two) for one, two in both]) if both else None
    return Position(
        same=number_of(same) if same else None,
        first=both.count(("a", "b")),
        second=both.count(("b", "a")),
        bias=number_of(mean_interval(leanings)) if both else None,
        agreement=agreement([one for one, _ in both], [two for _, two in both], LABELS),
    )


def _words(pairs: int, overall: Preference, position: Position, asked: Asked) -> list[str]:
    words = []
    rate, same, bias = overall.a_win_rate, position.same, position.bias
    if asked.stopped:
        words.append(f"Not all was asked: {asked.stopped}")
    if lost := pairs - overall.pairs:
        reasons = ", ".join(f"{count} {why}" for why, count in asked.faults.items()) or "not asked"
        words.append(f"{lost} of {pairs} pairs have no verdict in both orders ({reasons}) and are left out.")
    if rate is None or same is None or bias is None:
        words.append(f"{overall.pairs} of {pairs} pairs judged is too little for a rate: none is given.")
        return words
    side = "inside the noise" if rate.low <= 0.5 <= rate.high else "beyond the noise"
    words.append(
        f"Of {overall.pairs} pairs A wins {overall.a_wins}, B {overall.b_wins}, {overall.ties} are ties: A's win rate, "
        f"ties counting half, is {say_number(rate, '.2f')}; its difference from one half is {side}."
    )
    words.append(in_words("Both orders", position.agreement))
    lean = "no lean to a position beyond the noise" if bias.low <= 0 <= bias.high else "a lean to a position"
    words.append(
        f"The text shown first won in both orders {position.first} times, the one shown second {position.second} times;"
        f" bias to the first {say_number(bias, '+.2f')}: {lean}."
    )
    if same.value < RELIABLE:
        words.append("The order decides more often than the texts do: these verdicts say little about the models.")
    return words
