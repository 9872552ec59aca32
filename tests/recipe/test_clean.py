"""The keys of cleaning: kinds, what a source inherits, languages, and every mistake named with its remedy."""

import copy
from pathlib import Path

import pytest
import yaml

from calame.recipe.clean import SECTIONS, STEPS, Clean
from calame.recipe.clean_kinds import KINDS
from calame.recipe.errors import UserError
from calame.recipe.language_rules import LanguageRules, read_rules, shipped_languages
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml

SMALL = {
    "name": "small",
    "languages": ["fr", "it"],
    "corpus": {"sources": {"a": {"from": "a", "language": "fr"}, "b": {"from": "b", "language": "it"}}},
    "model": {"hidden_size": 64, "num_hidden_layers": 2},
    "pretrain": {"tokens": "1M", "batch": 1024, "context": 128},
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(corpus: dict, *overrides: str, languages=("fr", "it")):
        data = copy.deepcopy(SMALL)
        data["languages"] = list(languages)
        sources = corpus.pop("sources", {})
        data["corpus"].update(corpus)
        for name, keys in sources.items():
            data["corpus"]["sources"].setdefault(name, {"from": name}).update(keys)
        Path("r.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return load_recipe("r.yaml", overrides)

    return load


def problems(load, corpus, *overrides, **keys) -> list[str]:
    with pytest.raises(UserError) as refused:
        load(corpus, *overrides, **keys)
    return [str(problem) for problem in refused.value.problems]


def test_without_a_word_text_is_repaired_and_nothing_judged(load):
    corpus = load({})[0].corpus
    assert corpus.sources["a"].clean == Clean(kind="text")
    assert corpus.clean.steps == ["mojibake", "controls", "compose"]
    assert corpus.languages == {}


def test_a_word_is_a_kind_and_every_threshold_a_value_that_is_read_back(load):
    recipe, derived = load({"clean": "web"})
    text = resolved_yaml(recipe, derived)
    assert "max_special: 0.15" in text and "'5': 0.15" in text and "stop_words: [le, la" in text
    Path("resolved.yaml").write_text(text, encoding="utf-8")
    assert load_recipe("resolved.yaml")[0].corpus == recipe.corpus
    assert set(recipe.corpus.languages) == {"fr", "it"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_for_known_steps_and_values(kind):
    clean = Clean.model_validate(kind)
    assert [step for step in STEPS if step in clean.steps] == clean.steps
    assert all((getattr(clean, name) is not None) == (name in clean.steps) for name in SECTIONS)


def test_rodins_table():
    """systems: chars, words, lines, special, digits, capitals, repeated lines, French."""
    table = {
        "wiki": (300, 50, 3, 0.12, 0.15, 0.15, 0.25, 0.08),
        "law": (80, 10, 1, 0.20, 0.25, 0.30, 0.25, 0.03),
        "wikisource": (150, 20, 1, 0.12, 0.15, 0.15, 0.40, 0.04),
        "gallica": (200, 50, 3, 0.18, 0.20, 0.15, 0.25, 0.04),
        "books": (200, 30, 1, 0.18, 0.20, 0.25, 0.25, 0.04),
        "news": (150, 20, 1, 0.20, 0.20, 0.30, 0.25, 0.04),
        "web": (200, 30, 1, 0.15, 0.18, 0.20, 0.25, 0.05),
    }
    for kind, values in table.items():
        rules = Clean.model_validate(kind).heuristics
        assert rules is not None
        assert values == (
            rules.min_characters, rules.min_words, rules.min_lines, rules.max_special, rules.max_digits,
            rules.max_capitals, rules.max_repeated_lines, rules.min_common_words,
        )  # fmt: skip
        assert (rules.min_word_length, rules.max_word_length, rules.no_common_words) == (3.5, 12, 0.01)


def test_a_source_changes_single_values_or_begins_anew(load):
    sources = {"a": {"clean": {"heuristics": {"min_words": 7}}}, "b": {"clean": "law"}}
    corpus = load({"clean": {"kind": "web", "heuristics": {"max_digits": "30%"}}, "sources": sources})[0].corpus
    a, b = corpus.sources["a"].clean, corpus.sources["b"].clean
    assert a.kind == "web" and a.steps == corpus.clean.steps
    assert (a.heuristics.min_words, a.heuristics.max_digits, a.heuristics.min_characters) == (7, 0.3, 200)
    assert b == Clean.model_validate("law")


def test_steps_are_added_at_their_place_and_left_out():
    clean = Clean.model_validate({"kind": "text", "also": ["heuristics", "flatten"], "without": ["compose"]})
    assert clean.steps == ["mojibake", "controls", "flatten", "heuristics"]
    assert clean.heuristics is not None
    assert Clean.model_validate(clean.model_dump()) == clean
    own = Clean.model_validate({"steps": ["compose", "mojibake"]})
    assert own.steps == ["compose", "mojibake"]


def test_mistakes_are_named_with_what_is_allowed(load):
    found = problems(load, {"clean": {"kind": "wbe", "heuristics": {"min_wrods": 3}}})
    assert any("corpus.clean.kind" in message and "'wikisource'" in message for message in found)
    found = problems(load, {"clean": {"kind": "web", "heuristics": {"min_wrods": 3, "max_digits": 2}}})
    assert any("min_wrods" in m and "min_words" in m for m in found) and any("max_digits" in m for m in found)
    assert any("also: [fineweb]" in m for m in problems(load, {"clean": {"fineweb": {"short_line": 3}}}))
    assert any("twice" in m for m in problems(load, {"clean": {"steps": ["cut", "cut"]}}))


OC = "common_words: [lo, la, e, de, que, on]\nstop_words: [lo, la]\nline_ends: ['.']\nboilerplate: ['menut']\n"


def test_another_language_is_one_file(load):
    sources = {"a": {"language": "oc"}, "b": {"language": "oc"}}
    found = problems(load, {"clean": "law", "sources": sources}, languages=["oc"])
    assert any("corpus.languages.oc.common_words" in m and "from=FILE" in m and "en, fr, it" in m for m in found)
    Path("oc.yaml").write_text(OC + "boilerplate_phrases: [legir mai]\n", encoding="utf-8")
    corpus = {"clean": "law", "sources": sources, "languages": {"oc": {"from": "oc.yaml", "stop_words": ["que"]}}}
    rules = load(corpus, languages=["oc"])[0].corpus.languages["oc"]
    assert rules.common_words == ["lo", "la", "e", "de", "que", "on"] and rules.stop_words == ["que"]


@pytest.mark.parametrize(
    "content, message",
    [("- a\n", "mapping"), ("a: [", "not YAML"), ("comon_words: [a]\n", "comon_words"),
     ("boilerplate: ['(']\n", "regular"), ("stop_words: [l'eau]\n", "apostrophe")],
)  # fmt: skip
def test_a_bad_file_of_rules_is_refused(load, content, message):
    Path("oc.yaml").write_text(content, encoding="utf-8")
    found = problems(load, {"clean": "law", "languages": {"fr": {"from": "oc.yaml"}}})
    assert any("oc.yaml" in m and message in m for m in found)
    missing = problems(load, {"clean": "law", "languages": {"fr": {"from": "none.yaml"}}})
    assert any("no such file" in m for m in missing)


def test_the_shipped_languages_are_complete():
    assert shipped_languages() == ["en", "fr", "it"]
    for language in shipped_languages():
        rules = read_rules(language, None, "")
        assert isinstance(rules, LanguageRules)
        assert all(getattr(rules, name) for name in LanguageRules.model_fields if name != "location")
        assert len(set(rules.common_words)) == len(rules.common_words) > 100


def test_program_code_needs_no_rules_of_a_language(load):
    corpus = load({"clean": "web", "sources": {"c": {"from": "c", "language": "code"}}})[0].corpus
    assert corpus.sources["c"].clean.kind == "web" and "code" not in corpus.languages
