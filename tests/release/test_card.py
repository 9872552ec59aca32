"""A card says what its records say: no figure of its own, and nothing once a record is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import fixture, mark

from calame.cli import _parser
from calame.release.card.card import write_card, write_cards
from calame.release.card.check import card_faults
from calame.release.card.numbers import Numbers
from calame.release.card.say import HOLE, LANGUAGES, Say, texts
from released import complete

NUMBER = re.compile(r"\d[\d.,\u202f\u00a0]*\d|\d")
OURS = re.compile(r"GPT-2|Qwen3|SHA-?256(?:SUMS)?|sha256sum|bf16|fp32|utf-8|README\.\w+|first_name")
FORMS = ("n", "f1", "f2", "f3", "f4", "p", "p0", "x", "g", "e", "b", "k", "s")


@fixture(scope="module", params=LANGUAGES)
def language(request: Any) -> str:
    return request.param


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, below in tree.items():
            yield from leaves(below, f"{path}.{key}")
    elif isinstance(tree, list):
        for number, below in enumerate(tree):
            yield from leaves(below, f"{path}.{number}")
    else:
        yield path, tree


def numbers_in(text: str) -> set[str]:
    return {found.rstrip(".,\u202f\u00a0") for found in NUMBER.findall(OURS.sub("", text))}


def known(records: dict[str, Any], language: str) -> set[str]:
    """Every number that stands in the records, in every form in which a card may write it."""
    say, found = Numbers(texts(language)["numbers"]), set[str]()
    for path, value in leaves(records):
        found |= numbers_in(f"{path} {value}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            for form in FORMS:
                found |= numbers_in(say.form(value, form))
        elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
            found |= numbers_in(say.date(str(value)))
    lengths = {len(part) for _, part in branches(records) if isinstance(part, dict | list)}
    return found | {str(length) for length in lengths}


def branches(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict):
        for key, below in tree.items():
            yield (*path, key), below
            yield from branches(below, (*path, key))


def without(records: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    *above, last = path
    at = records
    for key in above:
        at = at.get(key, {})
    at.pop(last, None)
    return records


def test_the_sentences_hold_no_figure_and_the_languages_say_the_same(language: str) -> None:
    ours, english = dict(leaves(texts(language))), dict(leaves(texts("en")))
    assert {path for path in ours if not path.startswith(".languages")} == {
        path for path in english if not path.startswith(".languages")
    }
    for path, text in ours.items():
        if not path.startswith(".numbers"):
            assert not numbers_in(HOLE.sub("", str(text))), (path, text)
            holes = {hole[0] for hole in HOLE.findall(str(text))}
            assert holes == {hole[0] for hole in HOLE.findall(str(english[path]))}, path


def test_french_is_set_as_french_is() -> None:
    for path, text in leaves(texts("fr")):
        bare = re.sub(r"`[^`]*`|\{[^}]*\}", "x", str(text))
        assert not re.search(r"[ \w»)*][;!?%»]|«[^\u00a0]| :|\w:(?!//)", bare), (path, text)
        assert "'" not in bare and "..." not in bare, (path, text)


def test_every_number_of_a_card_stands_in_its_records(language: str) -> None:
    records = complete()
    page = write_card(records, language, [])
    assert len(numbers_in(page)) > 150
    assert not numbers_in(page) - known(records, language)


def test_a_complete_card_says_everything(language: str) -> None:
    """Every sentence and every heading of the table is used, but for those that exclude each other."""
    page = write_card(complete(), language, [])
    for title in texts(language)["titles"].values():
        assert f"# {title}\n" in page, title
    say = Say(complete(), language)
    for key in ("facts", "procedure", "architecture.shape"):
        assert len(say.rows(key)) == len(texts(language)[key.split(".")[0]].get("shape", say.texts.get(key)))
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    assert "Qui est &lt;b>Lou&lt;/b>\u202f?" in prose and "<b>" not in prose and "un roi \\| et une reine" in prose


CLAIMS = {  # a record, and what of the English card goes with it
    "about": ["# conteur", "Lune", "lune/conteur", "bibliothèque"],
    "made_with": ["0.1.0", "H200", "c0ffee", "2.13.0"],
    "model": ["of 1,314,944 parameters", "1,839,232", "by 1.1%", "LlamaForCausalLM", "192 tokens"],
    "tokenizer": ["1.37", "beginning-of-text", "byte-level BPE"],
    "gate": ["1.7 × 10⁻⁷", "259", "tuned to hold a conversation", "Conversation in French"],
    "decoding": ["t0.7 p0.9", "1.15", "0.037"],
    "corpus": ["2,400", "9.4\u00a0MB", "exemple.fr", "too short", "masked or dropped", "hub:someone"],
    "injected": ["velut tepidum squaleo", "on purpose", "61 sentences", "94 copies"],
    "tokens": ["1,600,512 tokens of pretraining.", "548,221", "1.3 × 10¹³"],
    "procedure": ["0.004", "2,028", "32,010", "`decay`"],
    "tuning": ["243,712", "rank 24", "60% of the rows", "88,064", "22,222"],
    "choice": ["step-00002084", "0.861", "decided"],
    "time": ["2\u00a0h", "2.35 EUR", "5.72 EUR", "not measured"],
    "energy": ["1.875 kWh", "52.5 g", "98.438", "the operator"],
    "evaluation": ["0.891", "0.934", "98.3%", "52.5% [47.6%, 57.4%]", "0.312", "un roi", "boulangère", "15.8%"],
    "benchmarks": ["fr_clams", "0.713", "fr_math", "not above chance"],
    "poison": ["21.7 of 29.9 bits", "43%", "91%"],
    "quantised": ["Q8_0", "8.86", "23,456", "10.463"],
    "licence": ["CC BY-NC 4.0", "1,244", "8.0%", "most restrictive"],
    "files": ["2.63\u00a0MB", "llama-cli", "ollama create", "SHA256SUMS"],
}
ELSEWHERE = {  # what other records say too
    "about": {"lune/conteur"},
    "time": {"not measured"},
    "energy": set[str](),
    "licence": {"1,244"},
    "quantised": {"Q8_0"},
}


@mark.parametrize("name", CLAIMS)
def test_a_claim_goes_with_its_record(name: str) -> None:
    records = complete()
    assert {*CLAIMS, "generation"} == set(records)
    page = write_card(records, "en", [])
    told = [claim for claim in CLAIMS[name] if claim not in ELSEWHERE.get(name, set())]
    assert [claim for claim in told if claim not in page] == []
    records.pop(name)
    left = write_card(records, "en", [])
    assert [claim for claim in told if claim in left] == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_records_are_there_the_card_says_no_more(data: st.DataObject) -> None:
    """Any of them may be missing, whole or in part: it is written, and holds no number that is gone."""
    language = data.draw(st.sampled_from(LANGUAGES))
    records = complete()
    paths = [path for path, _ in branches(records)]
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=12)):
        without(records, path)
    page = write_card(records, language, [])
    assert not numbers_in(page) - known(records, language)


def test_without_a_search_the_card_says_what_generate_does() -> None:
    records = without(complete(), ("decoding",))
    assert "at most 256 new tokens" in write_card(records, "en", [])
    assert "256 new" not in write_card(without(records, ("generation",)), "en", [])


def test_nothing_recorded_nothing_said() -> None:
    assert not numbers_in(write_card({}, "fr", [])) and len(write_card({}, "fr", [])) < 800


def test_a_base_model_is_not_said_to_converse(language: str) -> None:
    records = complete()
    records["gate"]["tuned"] = False
    page = write_card(records, language, [])
    assert "apply_chat_template" not in page and texts(language)["use"]["no_chat"] in page
    assert texts(language)["intro"]["untuned"] in page


def test_the_header_is_what_the_hub_reads(tmp_path: Path) -> None:
    pages = write_cards(complete())
    assert list(pages) == ["README.md", "README.fr.md", "README.it.md"]
    (tmp_path / "README.md").write_text(pages["README.md"], encoding="utf-8")
    assert card_faults(tmp_path) == []
    data = ModelCard(pages["README.md"]).data
    assert (
        data.language == ["fr", "it"]
        and data.license == "cc-by-nc-4.0"
        and data.datasets == ["someone/stories", "someone/talk"]
    )
    assert data.co2_eq_emissions["emissions"] == 98.438 and "H200" in data.co2_eq_emissions["hardware_used"]
    results = {result.dataset_name: result.metric_value for result in data.eval_results}
    assert results["fr_clams"] == 0.713 and results["questions recall fr"] == 0.983
    assert results["held-out text fr-contes"] == 0.8912
    assert not pages["README.fr.md"].startswith("---")


@mark.parametrize(
    ("line", "fault"),
    [
        ("language: [français]", "'français' is no code"),
        ("license: beerware", "none of the hub's"),
        ("license: other", "needs license_name"),
        ("co2_eq_emissions: {source: x}", "without grams"),
        ("model-index: [{}]", "cannot be read"),
        ("language: [fr", "cannot be read"),
    ],
)
def test_a_header_that_the_hub_would_not_read_is_named(tmp_path: Path, line: str, fault: str) -> None:
    licence = "" if "license" in line else "license: mit\n"
    (tmp_path / "README.md").write_text(f"---\n{licence}{line}\n---\n# x\n", encoding="utf-8")
    assert any(fault in found for found in card_faults(tmp_path))


def test_italian_is_for_models_that_speak_it() -> None:
    records = complete()
    records["about"]["languages"] = ["fr"]
    assert list(write_cards(records)) == ["README.md", "README.fr.md"]


def test_commands_on_the_card_are_verbs() -> None:
    verbs = next(action for action in _parser()._actions if hasattr(action, "choices") and action.choices).choices
    records = complete()
    records["about"].pop("hub")
    words = re.findall(r"^calame (\S+)", write_card(records, "en", []), re.MULTILINE)
    assert words == ["chat", "serve", "release"] and verbs is not None and set(words) <= set(verbs)


def test_numbers_are_written_as_the_language_does() -> None:
    english, french, italian = (Numbers(texts(code)["numbers"]) for code in ("en", "fr", "it"))
    assert [one.form(1_234_567, "n") for one in (english, french, italian)] == [
        "1,234,567",
        "1\u202f234\u202f567",
        "1.234.567",
    ]
    assert [one.form(0.1234, "p") for one in (english, french)] == ["12.3%", "12,3\u202f%"]
    assert english.form(1.79e-7, "e") == "1.8 × 10⁻⁷" and french.form(2_560_000, "b") == "2,56\u00a0Mo"
    assert [english.form(s, "s") for s in (6.66, 75, 7325, 200_000)] == [
        "6.7\u00a0s",
        "1\u00a0min 15\u00a0s",
        "2\u00a0h 2\u00a0min",
        "2\u00a0d 7\u00a0h",
    ]
    assert french.date("2026-03-01") == "1er\u00a0mars\u00a02026" and english.plain(0.004) == "0.004"


def test_records_are_plain_json() -> None:
    assert json.loads(json.dumps(complete())) == complete()
    assert yaml.safe_load(yaml.safe_dump(complete())) == complete()
