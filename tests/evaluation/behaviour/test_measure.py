"""Behaviour of whole models: scripted ones, whose figures are known, and what cannot be measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from pytest import mark, raises

from builders import ScriptedModel, config_of, decoder_of, loaded_of, tokenizer_of
from calame.evaluation.behaviour.generate import Generation, generate
from calame.evaluation.behaviour.measure import FILE, GENERATIONS, behave, measure_behaviour, telemetry
from calame.evaluation.behaviour.page import lines, page, words
from calame.evaluation.behaviour.prompts import Prompt
from calame.evaluation.behaviour.summary import RATES, summarise
from calame.evaluation.behaviour.verdict import judge
from calame.evaluation.measurement import CannotMeasure
from calame.inference.generate import Completion, Sampling
from calame.inference.load import Loaded
from calame.recipe.evaluation import Behaviour, Decoding
from calame.run.files import read_json

GREEDY = Decoding(temperature=0.0)
ROOM = 256  # positions
FRENCH = " Le vieux pêcheur rentrait chaque soir au village avec son panier vide."
ITALIAN = " La mattina dopo il ragazzo trovò la porta della cascina ancora chiusa."


def says(*texts: str, end: bool = True) -> Loaded:
    """A model that goes on with these texts, one a prompt in turn, each in a circle where it does not end."""
    tokenizer = tokenizer_of()
    stop = [tokenizer.special.eos] if end else []
    return loaded_of(
        ScriptedModel([[*tokenizer.encode(text), *stop] for text in texts], config_of(max_position_embeddings=ROOM))
    )  # type: ignore[arg-type]


def asked(number: int = 4, limit: int = 64, **more: object) -> Behaviour:
    return Behaviour.model_validate({"number": number, "limit": limit, "decoding": GREEDY, **more})


def value(result: dict, name: str) -> float | None:
    return result["all"][name]["value"]


def test_a_model_that_ends_at_once_has_ends_and_nothing_else() -> None:
    result, generations = behave(says(""), asked(), ["fr", "it"])
    whole = result["all"]
    assert whole["generations"] == whole["empty"] == 8 and whole["mean_tokens"] == 0
    assert value(result, "eos_rate") == 1.0 and value(result, "completion_rate") == 0.0
    others = set(RATES) - {"eos_rate", "completion_rate"} | {"distinct_2", "distinct_2_words", "language_consistency"}
    assert all(whole[name]["value"] is None and whole[name]["reason"] for name in others)
    assert set(telemetry(result)) == {"behaviour/eos_rate", "behaviour/completion_rate"}
    assert "8 are empty" in words({"m": result})[0] and "cannot be said" in "\n".join(lines({"m": result}))
    assert all(one.completion.ids == () for one in generations)


def test_a_model_that_says_one_french_sentence_stays_in_french_only_where_it_was_asked_in_it() -> None:
    result, _ = behave(says(FRENCH), asked(), ["fr", "it"])
    assert value(result, "eos_rate") == value(result, "completion_rate") == 1.0
    assert value(result, "loop_rate") == 0.0 and value(result, "language_consistency") == 0.5
    assert result["languages"]["fr"]["language_consistency"]["value"] == 1.0
    assert result["languages"]["it"]["language_consistency"]["value"] == 0.0
    assert value(result, "distinct_2_words") == 1 / 8, "eight times the same"
    assert value(result, "distinct_2_mean_words") == 1.0


def test_a_model_that_never_ends_and_turns_in_a_circle() -> None:
    result, generations = behave(says(" et la mer", end=False), asked(limit=48), ["fr"])
    assert value(result, "loop_rate") == value(result, "loop_rate_words") == value(result, "repeated_4gram_rate") == 1.0
    assert value(result, "eos_rate") == 0.0 and value(result, "completion_rate") == 1.0
    assert result["cut_by_context"] == 0 and {len(one.completion.ids) for one in generations} == {48}
    low = result["all"]["loop_rate"]["low"]
    assert 0 < low < 1, "four of four is not beyond doubt"


def test_a_model_that_changes_its_language() -> None:
    result, _ = behave(says(FRENCH + ITALIAN, FRENCH + FRENCH), asked(limit=128), ["fr"])
    assert value(result, "language_switch_rate") == 0.5


def test_prompts_that_do_not_fit_are_left_out_and_what_the_context_cuts_off_is_counted(tmp_path: Path) -> None:
    model = says(" et la mer", end=False)
    size = len(model.tokenizer.prompt("la mer et la mer et"))
    too_long, nearly = "la mer " * ROOM, "la mer et la mer et" + " la" * (ROOM - size - 5)
    path = tmp_path / "prompts.yaml"
    path.write_text(json.dumps({"fr": {"a": [too_long, nearly, "la mer"]}}), encoding="utf-8")
    result = measure_behaviour(model, asked(**{"from": str(path)}), ["fr", "de"], tmp_path)
    assert result["all"]["generations"] == 2 and result["cut_by_context"] == 1
    assert result["without_prompts"] == ["de"]
    assert [out["prompt"] for out in result["left_out"]] == [too_long] and "256" in result["left_out"][0]["reason"]
    shown = page({"m": result})
    assert "Prompts left out: 1 (" in shown and "no prompts in de" in shown and "before the limit: 1." in shown


def test_where_no_prompt_fits_nothing_is_said_and_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text(json.dumps({"fr": {"a": ["la mer " * ROOM]}}), encoding="utf-8")
    result, generations = behave(says(" oui"), asked(**{"from": str(path)}), ["fr"])
    assert generations == [] and result["all"]["generations"] == 0 and telemetry(result) == {}
    assert words({"m": result}) == ["No prompt could be continued."] and page({"m": result})


def test_without_any_prompt_it_cannot_be_measured() -> None:
    with raises(CannotMeasure, match="no prompts in de"):
        behave(says(" ja"), asked(), ["de"])


def test_both_files_hold_what_was_found(tmp_path: Path) -> None:
    result = measure_behaviour(says(FRENCH, ITALIAN), asked(3), ["fr", "en"], tmp_path)
    assert read_json(tmp_path / FILE) == json.loads(json.dumps(result))
    said = [json.loads(line) for line in (tmp_path / GENERATIONS).read_text(encoding="utf-8").splitlines()]
    assert len(said) == 6 and {one["language"] for one in said} == {"fr", "en"}
    assert {(one["text"], one["said_in"]) for one in said} == {(FRENCH, "fr"), (ITALIAN, "it")}
    assert result["recipe"]["decoding"]["temperature"] == 0.0 and result["recipe"]["prompts_each"] == 3


def test_in_a_conversation_the_prompt_is_a_message() -> None:
    model = says(FRENCH)
    prompt = [Prompt("Où est la mer ?", "fr", "question", "tuning")]
    generate(model, prompt, Sampling(limit=32), chat=True)
    wanted = model.tokenizer.chat([{"role": "user", "content": "Où est la mer ?"}])
    assert model.model.read[0] == wanted  # type: ignore[attr-defined]


def test_it_draws_nothing_of_torchs_and_is_the_same_again_and_in_other_company() -> None:
    model, keys = loaded_of(decoder_of(max_position_embeddings=ROOM)), asked(3, 12, decoding=Decoding())
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, said = behave(model, keys, ["fr"])
    assert torch.equal(torch.get_rng_state(), state)
    assert behave(model, keys, ["fr"])[0] == first
    both = behave(model, keys, ["fr", "it"])[1]
    assert [one.completion for one in both if one.prompt.language == "fr"] == [one.completion for one in said]


def test_progress_is_told_of_every_prompt() -> None:
    told: list[int] = []
    behave(says(FRENCH, " oui"), asked(5), ["fr", "it"], told.append)
    assert sum(told) == 10 and all(part >= 0 for part in told)


def generation(text: str, language: str = "fr") -> Generation:
    ids = tuple(tokenizer_of().encode(text))
    completion = Completion(ids, text, True)
    return Generation(Prompt("Et", language, "a", "tuning"), completion, judge(completion))


@mark.parametrize("number", (1, 2, 30))
def test_intervals_hold_their_value_and_shrink(number: int) -> None:
    found: Sequence[Generation] = [generation(FRENCH if n % 2 else " la mer" * 9) for n in range(number)]
    whole = summarise(found)
    for name in (*RATES, "distinct_2", "distinct_2_words", "language_consistency"):
        rate = whole[name]
        assert rate["value"] is None or 0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1, name
    assert whole["loop_rate"]["n"] == number
    if number == 30:
        assert whole["loop_rate"]["value"] == 0.5 and 0.3 < whole["loop_rate"]["low"] < whole["loop_rate"]["high"] < 0.7
