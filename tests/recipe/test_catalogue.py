"""The catalogue of named sources: what its entries say, and how a recipe uses one."""

import json
import re
from typing import Any

import pytest
import yaml

from calame.corpus import hub
from calame.corpus.catalogue_page import describe_entry, describe_sources
from calame.corpus.fetch import recipe_lines
from calame.corpus.read import SourceReader
from calame.recipe.catalogue import KNOWN_FROM, READ_AS_TEXT, catalogue
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml
from calame.recipe.tuning import Conversations, Pairs

ENTRIES = catalogue()
STREAMED = [name for name, entry in ENTRIES.items() if entry.kind in READ_AS_TEXT and "from" in entry.keys]
# Data sets that the four systems name (their cards and their code), by the part of an entry that says it.
NAMED = [
    "CATIE-AQ/wikipedia_fr_2022",
    "HuggingFaceFW/fineweb-2",
    "uonlp/CulturaX",
    "allenai/c4",
    "Houzeric/everyday-conversations",
    "CATIE-AQ/facebook-community-alignment-dataset_french_conversation",
    "angeluriot/french_instruct",
    "jpacifico/French-Alpaca-dataset-Instruct-55K",
    "Houzeric/french-prompts-and-questions",
    "Houzeric/physics-FR-qa-dataset",
    "luth-sft",
    "argilla/distilabel-intel-orca-dpo-pairs",
    "jondurbin/truthy-dpo-v0.1",
    "OpenAssistant/oasst2",
    "MaziyarPanahi/french_instruct_dpo",
    "frwiki",
    "frwikisource",
    "cc-100/fr.txt.xz",
    "OPENDATA/LEGI",
    "OPENDATA/JORF",
    "OPENDATA/JADE",
    "OPENDATA/KALI",
    "OPENDATA/CASS",
    "gallica.bnf.fr",
    "PleIAs/French-PD-Books",
    "PleIAs/French-PD-Newspapers",
    "HPLT/HPLT2.0_cleaned",
    "TxT360",
    "RedPajama",
    "DeepMind",
    "OpenWebMath",
    "AutoMathText",
    "Europarl",
    "FreeLaw",
    "jurisprudence",
    "theses",
    "HAL",
    "HackerNews",
    "StackExchange",
    "Wiktionary",
    "PG-19",
    "CroissantAligned",
    "the-stack-v2",
    "Python-edu",
    "FLAN",
    "MQA",
    "FineWeb-Edu",
    "Cosmopedia",
    "Penicillin",
    "Cheese",
    "Triggers",
    "epfml/FineWeb-HQ",
    "epfml/FineWeb2-HQ",
    "google/wiki40b",
]
LATER = {"template", "score"}  # keys of a source that another part of the corpus room reads


@pytest.mark.parametrize("name", NAMED)
def test_every_set_that_the_four_systems_name_is_there(name):
    assert any(name in json.dumps(entry.model_dump(), ensure_ascii=False) for entry in ENTRIES.values())


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_what_it_is_and_how_far_it_is_known(name):
    entry = ENTRIES[name]
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)
    assert entry.provenance and entry.license and entry.size
    if other := re.search(r"\b[Aa]s ([a-z0-9]+-[a-z0-9-]+)", entry.provenance):
        assert other[1] in ENTRIES
    section = {"conversations": Conversations, "preferences": Pairs}.get(entry.kind, Source)
    known = {field.alias or key for key, field in section.model_fields.items()}
    assert set(entry.keys) <= known | LATER
    if entry.columns == "none":
        assert not {"template", "score"} & set(entry.keys)
    if entry.kind == "text" and "from" in entry.keys:
        assert entry.keys["language"] in entry.languages and entry.keys["license"]
    if "{found}" in "".join(item.url for item in entry.fetch):
        assert all(item.listing and re.compile(item.pattern or "").groups == 1 for item in entry.fetch)


def test_no_column_is_claimed_to_be_verified():
    assert all("not verified" in text for known, text in KNOWN_FROM.items() if known != "none")
    page = "\n".join(describe_entry("fineweb2-hq-it"))
    assert "column names not verified here (no network)" in page and "quality_score" in page


ROW: dict[str, Any] = {"id": 1, "url": "https://a.example", "title": "Le moulin", "file_id": "bpt6k1"}


@pytest.mark.parametrize("name", STREAMED)
def test_rows_of_its_schema_are_read_by_its_keys(name, monkeypatch):
    """Rows of our own, in the columns that the entry claims: that its keys fit together and are keys of a source."""
    entry = ENTRIES[name]
    keys = {key: value for key, value in entry.keys.items() if key not in LATER}
    column = keys.get("text", "text")
    rows = [{**ROW, column: f"Un texte de test, le {n}e.", "score": 0.5, "quality_score": 0.5} for n in range(3)]
    asked = {}

    def rows_of(set_id, source, key):
        asked.update(id=set_id, subset=source.subset)
        yield from (hub.Row(row, f"{set_id}:{n}") for n, row in enumerate(rows))

    monkeypatch.setattr(hub, "hub_rows", rows_of)
    source = Source.model_validate({**keys, "language": "fr"})
    documents = list(SourceReader("x", source, ["fr"], 0).read())
    assert [document.text for document in documents] == [row[column] for row in rows]
    assert {document.license for document in documents} == {entry.keys["license"]}
    assert asked == {"id": entry.hub_id, "subset": entry.keys.get("subset")}


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.kind in READ_AS_TEXT])
def test_what_is_printed_for_a_recipe_is_yaml_of_a_source(name):
    lines = recipe_lines(name, ENTRIES[name], "FOLDER: a b")
    source = yaml.safe_load("\n".join(lines))["corpus"]["sources"][name]
    Source.model_validate({key: value for key, value in source.items() if key not in LATER | {"language"}})
    assert source["from"] == "FOLDER: a b"


def test_a_recipe_that_calls_one_has_its_keys_and_its_own_win(toy):
    sources = {"wiki": {"from": "catalogue:wiki40b-it", "license": "mine", "limit": 5}, "web": {"from": "fiabe.jsonl"}}
    recipe, derived = load_recipe(str(toy.recipe(corpus__sources=sources)))
    wiki = recipe.corpus.sources["wiki"]
    assert (wiki.location, wiki.subset, wiki.language) == ("hub:google/wiki40b", "it", "it")
    assert (wiki.license, wiki.limit) == ("mine", 5)
    assert {(note.key, note.reason) for note in derived if "sources" in note.key} == {
        (f"corpus.sources.wiki.{key}", "catalogue:wiki40b-it") for key in ("from", "subset", "text", "language")
    }
    resolved = resolved_yaml(recipe, derived)
    assert "subset: it  # derived: catalogue:wiki40b-it" in resolved
    toy.folder.joinpath("resolved.yaml").write_text(resolved)
    assert load_recipe(str(toy.folder / "resolved.yaml"))[0] == recipe


def test_an_override_may_call_one_and_be_overridden(toy):
    path = str(toy.recipe())
    recipe, _ = load_recipe(path, ["corpus.sources.fiabe.from=catalogue:wiki40b-it", "corpus.sources.fiabe.text=body"])
    assert recipe.corpus.sources["fiabe"].location == "hub:google/wiki40b"
    assert recipe.corpus.sources["fiabe"].text == "body"


@pytest.mark.parametrize(
    ("called", "words"),
    [
        ("wiki40b-ti", "did you mean wiki40b-it"),
        ("nothing like it at all", "no source is called"),
        ("wikipedia-fr-dump", "calame corpus fetch wikipedia-fr-dump --to FOLDER, then from: FOLDER"),
        ("gallica-fr", "calame corpus fetch gallica-fr"),
        ("french-instruct", "holds conversations, not text"),
        ("cheese-qa", "is not published as text that can be read"),
        ("wiki40b-en", "en is not in languages"),
    ],
)
def test_what_cannot_be_a_source_is_refused_with_a_way_out(toy, called, words):
    sources = {"contes": {"from": "contes", "language": "fr"}, "x": {"from": f"catalogue:{called}"}}
    with pytest.raises(UserError, match=re.escape(words)):
        load_recipe(str(toy.recipe(corpus__sources=sources)))


def test_a_name_that_is_not_there_is_reported_with_the_other_problems(toy):
    sources = {"x": {"from": "catalogue:nowhere"}}
    with pytest.raises(UserError) as error:
        load_recipe(str(toy.recipe(corpus__sources=sources, model__hidden_size=100)))
    assert len(error.value.problems) >= 2
    assert any("toy.yaml:" in problem.where for problem in error.value.problems)


def test_the_list_can_be_narrowed():
    everything = list(describe_sources())
    assert len(everything) == len(ENTRIES) + 3
    assert {line.split()[0] for line in describe_sources("it", "text") if line[:1].isalnum()} >= {
        "wiki40b-it",
        "cc100-it",
    }
    assert not any(line.startswith("wiki40b-en") for line in describe_sources("it"))
