"""Loading a recipe: merging, overrides, variables, and every mistake in one message that says how to mend it."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from calame.recipe.describe import all_keys, shipped_recipes
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml

SMALL = {
    "name": "small",
    "corpus": {"sources": {"a": {"from": "a"}, "b": {"from": "b"}}},
    "model": {"hidden_size": 64, "num_hidden_layers": 2},
    "pretrain": {"tokens": "1M", "batch": 1024, "context": 128},
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write(name, data or text) puts a recipe into the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, data) -> str:
        text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
        return name

    return write


def small(**sections) -> dict:
    return {**copy.deepcopy(SMALL), **sections}


def problems(recipe: str, *overrides: str) -> list[str]:
    """Every problem of a recipe that is refused, as its message."""
    with pytest.raises(UserError) as refused:
        load_recipe(recipe, overrides)
    return [str(problem) for problem in refused.value.problems]


def only(found: list[str]) -> str:
    assert len(found) == 1, found
    return found[0]


# Keys and types


def test_an_unknown_key_names_the_nearest_known_one_with_file_and_line(write):
    path = write("r.yaml", yaml.safe_dump(SMALL, sort_keys=False) + "  bacth: 3\n")
    message = only(problems(path))
    assert message.startswith("r.yaml:15: pretrain.bacth: unknown key 'bacth'")
    assert "did you mean pretrain.batch?" in message


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("tokens", "pretrain.tokens"),
        ("pretrain.vocabulary", "tokenizer.vocabulary"),
        ("model.learning_rate", "pretrain.optimizer.learning_rate"),
        ("vocabulry", "tokenizer.vocabulary"),
        ("model.location", "from"),
    ],
)
def test_a_key_of_another_section_is_sent_there(write, key, meant):
    message = only(problems(write("r.yaml", SMALL), f"{key}=1"))
    assert f"{key}: unknown key" in message
    if meant != "from":
        assert meant in message


def test_only_the_documented_name_of_a_key_is_known(write):
    """`location` is the attribute behind `from`; as a key it would escape the handling of locations."""
    data = small(corpus={"sources": {"a": {"location": "a"}}})
    assert any("unknown key 'location'" in message for message in problems(write("r.yaml", data)))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("pretrain.tokens=many", ["pretrain.tokens", "'many' is not a number", "2B"]),
        ("pretrain.tokens=-5", ["pretrain.tokens", "greater than 0"]),
        ("model.hidden_size=big", ["model.hidden_size", "'big'"]),
        ("model=3", ["model", "3"]),
        ("languages=[FR]", ["languages.0", "'FR'", "small letters"]),
        ("name=1984", ["name", "1984", "quotes"]),
        ("name=Gros Titre", ["name", "'Gros Titre'", "small letters"]),
        ("corpus.sources={Ein Name: {from: a}}", ["corpus.sources", "'Ein Name'", "small letters"]),
        ("select=first", ["select", "'first'", "best:"]),
        ("tokenizer.vocabulary=100", ["tokenizer.vocabulary", "264"]),
        ("tokenizer.kind=unigram", ["tokenizer.kind", "byte-bpe"]),
        ("corpus.validation.share=60%", ["corpus.validation.share", "less than 0.5"]),
        ("corpus.validation.share=[1]", ["corpus.validation.share"]),
        ("corpus.validation.share=.nan", ["corpus.validation.share"]),
        ("pretrain.mixture.epochs=.inf", ["pretrain.mixture.epochs", "finite"]),
        ("pretrain.optimizer.learning_rate=.inf", ["pretrain.optimizer.learning_rate", "finite"]),
    ],
)
def test_a_value_that_does_not_fit_says_what_does(write, override, words):
    message = "\n".join(problems(write("r.yaml", SMALL), override))
    assert all(word in message for word in ["command line", *words]), message


def test_what_is_missing_is_named(write):
    data = small()
    del data["pretrain"]["context"], data["name"]
    found = problems(write("r.yaml", data))
    assert any(m.startswith("r.yaml:10: pretrain.context: missing") for m in found), found
    assert any("name: missing" in m for m in found)


@pytest.mark.parametrize(
    ("override", "key", "words"),
    [
        ("model.hidden_size=100", "model.hidden_size", ["heads of 64", "multiple of 64"]),
        (
            "model={hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 3}",
            "model.hidden_size",
            ["multiple of", "3"],
        ),
        (
            "model={hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 4, num_key_value_heads: 3}",
            "model.num_key_value_heads",
            ["1, 2, 4"],
        ),
        (
            "model={hidden_size: 192, num_hidden_layers: 1, num_key_value_heads: 2}",
            "model.num_key_value_heads",
            ["1, 3"],
        ),
        ("model={hidden_size: 63, num_hidden_layers: 1, num_attention_heads: 1}", "model.", ["odd", "even"]),
        ("model.head_dim=15", "model.head_dim", ["odd", "even"]),
    ],
)
def test_shapes_that_do_not_divide(write, override, key, words):
    message = only(problems(write("r.yaml", SMALL), override))
    assert message.split(": ", 1)[1].startswith(key), message
    assert all(word in message for word in words), message


# Between sections


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("pretrain.batch=1000", ["r.yaml", "1000 tokens do not divide into rows of 128", "pretrain.batch=1024"]),
        ("pretrain.tokens=1000", ["pretrain.tokens", "less than one batch", "1024"]),
        ("pretrain.schedule.warmup=2M", ["pretrain.schedule.warmup", "longer than the run"]),
        ("model.max_position_embeddings=64", ["pretrain.context", "more than the model's positions", "64"]),
        ("sft={conversations: {a: {from: c.jsonl}}, context: 100}", ["sft.batch", "rows of 100"]),
        ("corpus.sources.a.language=it", ["corpus.sources.a.language", "it is not in languages", "fr"]),
        ("corpus.sources.a.from=builtin:world", ["corpus.sources.a.from", "builtin:petit-monde"]),
        ("corpus.sources.a.from=builtin:petit-monde", ["corpus.sources.a.size", "missing"]),
        ("corpus.sources.a.size=3MB", ["corpus.sources.a.size", "only built-in"]),
        ("sft={conversations: {c: {from: 'builtin:world', size: 1MB}}}", ["sft.conversations.c.from", "petit-monde"]),
        ("sft={conversations: {c: {from: 'builtin:petit-monde'}}}", ["sft.conversations.c.size", "missing"]),
        ("sft={conversations: {c: {from: x, user: q}}}", ["sft.conversations.c.assistant", "both, or neither"]),
        ("sft={conversations: {c: {from: x, user: q, assistant: a, format: alpaca}}}", ["c.user", "format: flat"]),
        ("sft={conversations: {c: {from: x, answers: {least: 9, most: 3}}}}", ["c.answers", "at most 3"]),
        (
            "sft={conversations: {c: {from: x}}, lora: {rank: 4}, optimizer: {name: muon}}",
            ["sft.optimizer.name", "adamw"],
        ),
        ("dpo={pairs: {p: {from: 'builtin:petit-monde'}}}", ["dpo.pairs.p.size", "missing"]),
        ("dpo={pairs: {p: {from: x}}, margin: 1}", ["dpo.margin", "only with loss simpo"]),
        ("dpo={pairs: {p: {from: x}}, context: 96, batch: 1000}", ["dpo.batch", "dpo.batch=960"]),
        ("dpo={pairs: {p: {from: x}}, context: 4096}", ["dpo.context", "the model's positions"]),
        ("tokenizer.chat={format: klovis, end: <stop>}", ["tokenizer.chat.end", "format: own"]),
        (
            "tokenizer.chat={format: own, system: <|s|>, user: <|u|>, assistant: <|a|>}",
            ["tokenizer.chat.end", "stop an answer"],
        ),
        (
            "tokenizer.chat={format: own, system: <s>, user: <|u|>, assistant: <|a|>, end: <|e|>}",
            ["tokenizer.chat.system", "another token"],
        ),
        (
            "tokenizer.chat={format: own, system: a b, user: <|u|>, assistant: <|a|>, end: <|e|>}",
            ["a b", "40 characters"],
        ),
        (
            "corpus.sources.a={from: 'builtin:petit-monde', size: 3MB, language: it}",
            ["corpus.sources.a.language", "speaks all languages"],
        ),
        ("evaluation.questions=builtin:petit-monde", ["evaluation.questions", "no source of the corpus"]),
        ("evaluation.questions=builtin:world", ["evaluation.questions", "builtin:petit-monde"]),
        ("select=best:val/mixed/los", ["select", "val/mixed/loss", "val/fr-a/bpb"]),
    ],
)
def test_what_sections_ask_of_each_other(write, override, words):
    message = "\n".join(problems(write("r.yaml", SMALL), override))
    assert all(word in message for word in words if word != "r.yaml"), message


@pytest.mark.parametrize(
    ("override", "fits"),
    [("size=2400kB", True), ("size=3MB", False), ("seed=2", False), ("seed=2028", True)],
)
def test_conversations_about_the_built_in_world_are_about_the_one_of_the_corpus(override, fits):
    changed = [f"sft.conversations.monde.{override}"]
    if fits:
        assert load_recipe("petit-monde", changed)
    else:
        message = only(problems("petit-monde", *changed))
        assert "sft.conversations.monde.size" in message and "those of corpus.sources.monde" in message


def test_weights_that_do_not_add_up_are_refused_with_the_right_numbers(write):
    path = write("r.yaml", SMALL)
    message = only(problems(path, "pretrain.mixture.weights={a: 1, b: 3}"))
    assert "add up to 4" in message
    corrected = message.split("with the same proportions: weights: ")[1]
    recipe, _ = load_recipe(path, [f"pretrain.mixture.weights={corrected}"])
    assert recipe.pretrain.mixture.weights == {"a": 0.25, "b": 0.75}


def test_weights_of_any_sum_are_normalised_where_the_recipe_says_so(write):
    """As Gaperon's files, which add up to 2.84 or 0.90 and were divided by their sum without a word."""
    path, weights = write("r.yaml", SMALL), "pretrain.mixture.weights={a: 2.13, b: 0.71}"
    assert "add up to 2.84" in only(problems(path, weights))
    recipe, derived = load_recipe(path, [weights, "pretrain.mixture.normalise=true"])
    assert recipe.pretrain.mixture.weights == pytest.approx({"a": 0.75, "b": 0.25})
    [note] = [note for note in derived if note.key == "pretrain.mixture.weights"]
    assert "add up to 2.84" in note.reason
    write("again.yaml", resolved_yaml(recipe, derived))
    assert load_recipe("again.yaml")[0].pretrain.mixture.weights == recipe.pretrain.mixture.weights


def test_weights_must_name_the_sources(write):
    found = problems(write("r.yaml", SMALL), "pretrain.mixture.weights={a: 50%, c: 50%}")
    assert any("no source is called c" in m for m in found)
    assert any("no weight for b" in m for m in found)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=10))
def test_the_corrected_weights_are_accepted(numbers):
    names = [f"s{number}" for number in range(len(numbers))]
    sources = "corpus.sources={" + ", ".join(f"{name}: {{from: x}}" for name in names) + "}"
    plain = [sources, "evaluation.questions=null"]
    weights = ", ".join(f"{name}: {number}" for name, number in zip(names, numbers, strict=True))
    for message in problems("petit-monde", *plain, f"pretrain.mixture.weights={{{weights}}}", "seed=x"):
        if "add up" in message:
            corrected = message.split("with the same proportions: weights: ")[1]
            recipe, _ = load_recipe("petit-monde", [*plain, f"pretrain.mixture.weights={corrected}"])
            shares = recipe.pretrain.mixture.weights
            assert all(abs(shares[n] - x / sum(numbers)) < 1e-4 for n, x in zip(names, numbers, strict=True))


# All at once


def test_typing_problems_and_cross_section_problems_come_in_one_message(write):
    data = small(sft={"conversations": {"c": {"from": "c.jsonl"}}, "epochs": "twice"})
    data["pretrain"] |= {"batch": 1000, "clip": "hard", "mixture": {"weights": {"a": 1, "b": 1}}}
    data["corpus"]["sources"]["a"]["language"] = "it"
    data["modle"] = 3
    found = "\n".join(problems(write("r.yaml", data), "evaluation.requires={a: 1}"))
    for words in (
        "sft.epochs: 'twice'",
        "pretrain.clip: 'hard'",
        "unknown key 'modle'",
        "evaluation.requires: unknown key",
        "1000 tokens do not divide",
        "add up to 2",
        "it is not in languages",
    ):
        assert words in found, f"{words!r} is missing in:\n{found}"


@pytest.mark.parametrize(
    "override",
    [
        "model.hidden_size=100",
        "model.hidden_size=big",
        "model={hidden_size: 63, num_hidden_layers: 1}",
        "model=3",
        "name=Gros Titre",
        "pretrain.tokens=many",
        "pretrain.context=null",
        "languages=[FR]",
        "corpus.sources.a.from=3",
        "corpus.sources.a.limit=few",
        "sft=tuned",
    ],
)
def test_a_required_key_at_fault_does_not_hide_the_other_problems(write, override):
    found = "\n".join(problems(write("r.yaml", SMALL), override, "pretrain.mixture.weights={a: 1, b: 1}"))
    assert override.partition("=")[0] in found
    assert "add up to 2" in found, found


@pytest.mark.parametrize(
    ("overrides", "number"),
    [
        (["pretrain.context=short", "sft={conversations: {c: {from: c}}, context: 100, batch: 1000}"], 1),
        (["pretrain.batch=big", "sft={conversations: {c: {from: c}}, context: 100}"], 1),
        (["model.max_position_embeddings=far", "sft={conversations: {c: {from: c}}, context: 256}"], 1),
        (["pretrain.mixture.weights={a: some, b: 0.5}"], 1),
        (["corpus.sources={Bad Name: {from: x}, b: {from: b}}", "pretrain.mixture.weights={a: 0.5, b: 0.5}"], 1),
        (["corpus.sources.a.from=3", "corpus.sources.a.size=3MB"], 1),
        (["languages=[FR]", "corpus.sources.a.language=it"], 1),
        (["pretrain.tokens=many", "pretrain.schedule.warmup=2M"], 1),
    ],
)
def test_no_problem_is_made_up_where_a_value_is_not_known(write, overrides, number):
    assert len(problems(write("r.yaml", SMALL), *overrides)) == number


# Files


def test_a_key_written_twice_is_refused_with_its_line(write):
    message = only(problems(write("r.yaml", "name: a\nmodel:\n  hidden_size: 64\n  hidden_size: 128\n")))
    assert message.startswith("r.yaml:4: model.hidden_size: written twice")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("- a\n- b\n", "not a mapping"),
        ("name: [a\n", "not YAML"),
        ("name: !!python/name:os.system x\n", "not YAML"),
        ("name: a\nname2: {b: 1, b: 2}\n", "written twice"),
    ],
)
def test_files_that_are_no_recipe(write, text, words):
    message = only(problems(write("r.yaml", text)))
    assert message.startswith("r.yaml") and words in message


def test_a_recipe_that_is_not_utf8(write):
    Path(write("r.yaml", "")).write_bytes("name: é\n".encode("latin-1"))
    assert "not UTF-8" in only(problems("r.yaml"))


def test_no_such_recipe_names_the_shipped_ones(write):
    assert "petit-monde" in only(problems("nowhere"))


def test_dates_and_other_words_that_yaml_reads_its_own_way_stay_text(write):
    data = yaml.safe_dump(SMALL, sort_keys=False) + "description: 2024-13-45\n"
    assert load_recipe(write("r.yaml", data))[0].description == "2024-13-45"
    recipe, _ = load_recipe("r.yaml", ["description=2024-01-02", "corpus.sources.a.revision=2024-01-02"])
    assert recipe.description == recipe.corpus.sources["a"].revision == "2024-01-02"


def test_no_is_norwegian_and_off_is_a_way_to_compile(write):
    data = yaml.safe_dump(SMALL, sort_keys=False) + "languages: [no, fr]\nexecution: {compile: off}\n"
    recipe, _ = load_recipe(write("r.yaml", data), ["model.tie_word_embeddings=no"])
    assert recipe.languages == ["no", "fr"]
    assert recipe.execution.compile == "off"
    assert recipe.model.tie_word_embeddings is False


# extends


def test_extends_merges_sections_and_replaces_everything_else(write):
    write("parent.yaml", small(languages=["fr", "it"], model={"hidden_size": 128, "num_hidden_layers": 4}))
    child = write("child.yaml", {"extends": "parent.yaml", "languages": ["en"], "model": {"num_hidden_layers": 6}})
    recipe, _ = load_recipe(child)
    assert (recipe.languages, recipe.model.hidden_size, recipe.model.num_hidden_layers) == (["en"], 128, 6)


def test_later_parents_win_over_earlier_ones_and_the_child_over_all(write):
    write("a.yaml", small(seed=1, description="a"))
    write("b.yaml", {"extends": "a.yaml", "seed": 2})
    write("c.yaml", {"seed": 3, "tokenizer": {"vocabulary": 512}})
    recipe, _ = load_recipe(write("child.yaml", {"extends": ["b.yaml", "c.yaml"], "description": "mine"}))
    assert (recipe.seed, recipe.description, recipe.tokenizer.vocabulary) == (3, "mine", 512)


def test_null_takes_an_inherited_value_away(write):
    write("parent.yaml", small(sft={"conversations": {"c": {"from": "c"}}}, tokenizer={"vocabulary": 512}))
    child = write("child.yaml", {"extends": "parent.yaml", "sft": None, "tokenizer": {"vocabulary": None}})
    recipe, _ = load_recipe(child)
    assert recipe.sft is None
    assert recipe.tokenizer.vocabulary == 32_768


def test_null_means_the_default_whether_inherited_or_not(write):
    data = small(tokenizer={"vocabulary": None, "kind": None}, evaluation=None)
    data["pretrain"]["optimizer"] = {"learning_rate": None}
    recipe, _ = load_recipe(write("r.yaml", data))
    assert (recipe.tokenizer.vocabulary, recipe.pretrain.optimizer.learning_rate) == (32_768, 1e-3)


def test_circles_are_refused(write):
    write("a.yaml", {"extends": "b.yaml"})
    write("b.yaml", {"extends": "a.yaml"})
    assert "circle" in only(problems("a.yaml"))
    assert "circle" in only(problems(write("own.yaml", {"extends": "own.yaml"})))


def test_extends_a_shipped_recipe(write):
    recipe, _ = load_recipe(write("mine.yaml", {"extends": "petit-monde", "name": "mine", "seed": 7}))
    assert (recipe.name, recipe.seed, recipe.model.hidden_size) == ("mine", 7, 128)


@pytest.mark.parametrize("parents", [3, [3], {"a": 1}, "nowhere.yaml", ["nowhere"]])
def test_parents_that_are_none(write, parents):
    message = only(problems(write("r.yaml", {"extends": parents, **SMALL})))
    assert message.startswith("r.yaml:") and "extends" in message


def test_a_mistake_in_a_parent_is_reported_where_it_stands(write):
    write("sub/parent.yaml", small(seed="one"))
    found = only(problems(write("child.yaml", {"extends": "sub/parent.yaml", "name": "child"})))
    assert found.startswith("sub/parent.yaml:") and "seed" in found


# Overrides


def test_overrides_are_typed_by_yaml_and_made_where_sections_lack(write):
    recipe, _ = load_recipe(
        write("r.yaml", SMALL),
        [
            "languages=[fr, it]",
            "pretrain.optimizer.learning_rate=3e-4",
            "model.tie_word_embeddings=false",
            "evaluation.prompts=['a: b', c]",
            "pretrain.tokens=2M",
            "description=Il était une fois, a = b",
        ],
    )
    assert recipe.languages == ["fr", "it"]
    assert recipe.pretrain.optimizer.learning_rate == 3e-4
    assert recipe.model.tie_word_embeddings is False
    assert recipe.evaluation.prompts == ["a: b", "c"]
    assert recipe.pretrain.tokens == 2_000_000
    assert recipe.description == "Il était une fois, a = b"


def test_null_overrides_bring_the_default_back(write):
    path = write("r.yaml", small(seed=5, sft={"conversations": {"c": {"from": "c"}}}))
    recipe, _ = load_recipe(path, ["seed=null", "sft="])
    assert (recipe.seed, recipe.sft) == (1, None)


@pytest.mark.parametrize("override", ["pretrain.tokens", "=3", "pretrain..tokens=3", ".=3"])
def test_what_is_no_override(write, override):
    assert "not an override" in "\n".join(problems(write("r.yaml", SMALL), override))


def test_a_name_may_hold_dots(write):
    path = write("r.yaml", small(corpus={"sources": {"fr.wiki": {"from": "a"}}}))
    recipe, _ = load_recipe(path, ["corpus.sources.fr.wiki.limit=3"])
    assert recipe.corpus.sources["fr.wiki"].limit == 3


def test_an_inline_section_with_a_key_twice_is_refused(write):
    assert "twice" in "\n".join(problems(write("r.yaml", SMALL), "pretrain.optimizer={beta1: 0.9, beta1: 0.8}"))


# Locations


def test_relative_locations_are_meant_from_the_recipes_folder(write, tmp_path):
    data = small(
        corpus={"sources": {"a": {"from": "texts/*.txt"}, "b": {"from": "/data/b"}, "c": {"from": "hub:me/set"}}},
        sft={"conversations": {"own": {"from": "own-text"}, "mine": {"from": "../chat.jsonl"}}},
        evaluation={"questions": "questions.jsonl"},
    )
    data["model"]["init"] = "start"
    recipe, _ = load_recipe(write("sub/r.yaml", data))
    sources = recipe.corpus.sources
    assert sources["a"].location == f"{tmp_path}/sub/texts/*.txt"
    assert (sources["b"].location, sources["c"].location) == ("/data/b", "hub:me/set")
    assert recipe.sft.conversations["own"].location == "own-text"
    assert Path(recipe.sft.conversations["mine"].location) == tmp_path / "sub/../chat.jsonl"
    assert Path(recipe.evaluation.questions) == tmp_path / "sub/questions.jsonl"
    assert Path(recipe.model.init) == tmp_path / "sub/start"


def test_a_parents_locations_are_meant_from_the_parents_folder(write, tmp_path):
    write("common/parent.yaml", SMALL)
    recipe, _ = load_recipe(write("mine/r.yaml", {"extends": "../common/parent.yaml"}))
    assert Path(recipe.corpus.sources["a"].location).resolve() == tmp_path / "common/a"


def test_locations_on_the_command_line_are_meant_from_where_one_is(write, tmp_path):
    recipe, _ = load_recipe(write("sub/r.yaml", SMALL), ["corpus.sources.a.from=here"])
    assert recipe.corpus.sources["a"].location == str(tmp_path / "here")


def test_variables_and_home_are_filled_in(write, monkeypatch):
    monkeypatch.setenv("TEXTES", "/data/textes")
    monkeypatch.setenv("HOME", "/maison/ada")
    path = write("r.yaml", small(corpus={"sources": {"a": {"from": "${TEXTES}/a"}, "b": {"from": "~/b"}}}))
    sources = load_recipe(path)[0].corpus.sources
    assert (sources["a"].location, sources["b"].location) == ("/data/textes/a", "/maison/ada/b")


def test_the_folder_of_the_runs_is_meant_from_where_one_is(write, monkeypatch):
    monkeypatch.setenv("HOME", "/maison/ada")
    monkeypatch.setenv("DISK", "/data")
    path = write("sub/r.yaml", SMALL)
    for written, meant in (("runs", "runs"), ("~/runs", "/maison/ada/runs"), ("${DISK}/runs", "/data/runs")):
        assert load_recipe(path, [f"execution.runs={written}"])[0].execution.runs == meant


def test_a_variable_that_is_missing_is_named(write, monkeypatch):
    monkeypatch.delenv("NOT_THERE", raising=False)
    path = write("r.yaml", small(corpus={"sources": {"a": {"from": "${NOT_THERE}/a"}, "b": {"from": "b"}}}))
    message = only(problems(path))
    assert message.startswith("r.yaml:5: corpus.sources.a.from") and "export NOT_THERE" in message


def test_only_locations_are_treated_as_such(write):
    """A source or a kind of question may be called `questions`, `init` or `from`: its weight is no path."""
    data = small(corpus={"sources": {"questions": {"from": "a"}, "init": {"from": "b"}}})
    data["pretrain"]["mixture"] = {"weights": {"questions": "50%", "init": "50%"}}
    weights = load_recipe(write("r.yaml", data))[0].pretrain.mixture.weights
    assert weights == {"questions": 0.5, "init": 0.5}


# Derived values and shipped recipes


def test_derived_values_carry_reasons_and_given_ones_do_not(write):
    _, derived = load_recipe(write("r.yaml", SMALL), ["model.intermediate_size=96"])
    notes = {note.key: note for note in derived}
    assert notes["model.num_attention_heads"].value == 1
    assert all(note.reason for note in derived)
    assert "model.intermediate_size" not in notes
    assert "pretrain.schedule.warmup" in notes


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads(name, monkeypatch, tmp_path):
    monkeypatch.setenv("CALAME_DATA", str(tmp_path))
    recipe, _ = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


def test_every_key_says_what_it_means_or_is_named_by_its_field():
    keys = dict(all_keys())
    assert {"pretrain.tokens", "corpus.sources.NAME.from", "sft.conversations.NAME.from"} <= set(keys)
    assert not any(key.endswith("location") for key in keys)
