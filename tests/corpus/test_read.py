"""From rows to documents: every kind of source alike, languages by rule, and a reason for each row set aside."""

import json
import sys
import types

import pytest

from calame.corpus import petit_monde
from calame.corpus.document import Document
from calame.corpus.hub import hub_rows
from calame.corpus.read import Reject, SourceReader
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from support import write_lines


def reader(location, languages=("fr",), **keys) -> SourceReader:
    return SourceReader("a", Source.model_validate({"from": str(location), **keys}), languages, 1)


def read(location, languages=("fr",), **keys) -> list[Document | Reject]:
    return list(reader(location, languages, **keys).read())


def documents(*arguments, **keys) -> list[Document]:
    return [item for item in read(*arguments, **keys) if isinstance(item, Document)]


def rejects(*arguments, **keys) -> list[tuple[str, str]]:
    return [(item.place, item.reason) for item in read(*arguments, **keys) if isinstance(item, Reject)]


@pytest.fixture
def rows(tmp_path):
    """rows(...) writes a.jsonl with these rows and gives its path."""

    def write(*values):
        write_lines(tmp_path / "a.jsonl", list(values))
        return tmp_path / "a.jsonl"

    return write


def test_a_document_is_its_text_with_its_origin(rows):
    (found,) = documents(rows({"text": "  Bonjour\r\n", "group": "w1", "license": "CC0", "lang": "fr"}))
    assert (found.text, found.group, found.language, found.license) == ("Bonjour", "w1", "fr", "CC0")
    assert found.metadata == {"place": "a.jsonl:1"}
    assert found.id == f"a/{found.hash.hex()}"


def test_every_kind_of_source_gives_the_same_documents(tmp_path, monkeypatch):
    """A folder of text files, a table, a pattern and a hub set of the same texts."""
    texts = ["Un deux.", "Trois\nquatre…", "« Cinq »"]
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "texts" / f"{number}.txt").write_bytes(text.replace("\n", "\r\n").encode())
    write_lines(tmp_path / "table.jsonl", [{"text": text.replace("\n", "\r\n")} for text in texts])
    datasets = types.ModuleType("datasets")
    datasets.load_dataset = lambda *_, **__: iter({"text": text, "id": 1} for text in texts)
    monkeypatch.setitem(sys.modules, "datasets", datasets)
    ids = [
        [document.id for document in documents(location)]
        for location in (tmp_path / "texts", tmp_path / "texts" / "*.txt", tmp_path / "table.jsonl", "hub:me/set")
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert len(set(ids[0])) == 3


def test_ids_are_stable_whatever_the_order_and_place_of_the_files(tmp_path):
    for folder, names in (("one", "abc"), ("two", "cab")):
        (tmp_path / folder).mkdir()
        for name, text in zip(names, ("un", "deux", "trois"), strict=True):
            (tmp_path / folder / f"{name}.txt").write_text(text)
    first, second = ({document.text: document.id for document in documents(tmp_path / name)} for name in ("one", "two"))
    assert first == second


def test_files_of_one_name_in_different_folders_are_different_groups(tmp_path):
    for work in ("candide", "zadig"):
        (tmp_path / work).mkdir()
        (tmp_path / work / "texte.txt").write_text(work)
    assert [d.group for d in documents(tmp_path)] == ["candide/texte.txt", "zadig/texte.txt"]


class TestHub:
    @pytest.fixture
    def hub(self, monkeypatch):
        module = types.ModuleType("datasets")
        monkeypatch.setitem(sys.modules, "datasets", module)
        return module

    def test_what_the_recipe_says_is_what_is_asked(self, hub):
        asked = []
        hub.load_dataset = lambda *args, **keys: asked.append((args, keys)) or iter([{"text": "un"}])
        documents("hub:me/set", subset="s", split="dev", revision="abc")
        assert asked == [(("me/set", "s"), {"split": "dev", "revision": "abc", "streaming": True})]

    @pytest.mark.parametrize("after", [0, 2])
    def test_its_errors_are_said_in_one_line(self, hub, after):
        def rows(*_, **__):
            yield from ({"text": f"t{number}"} for number in range(after))
            raise ConnectionError("no\nnetwork")

        hub.load_dataset = rows
        with pytest.raises(UserError, match="no network") as refused:
            read("hub:me/set")
        assert ("after row 2" if after else "could not be opened") in str(refused.value)

    def test_without_the_package_it_says_how_to_get_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "datasets", None)
        with pytest.raises(UserError, match=r"calame\[hub\]"):
            read("hub:me/set")


def test_the_builtin_world_is_asked_by_seed_size_and_languages(monkeypatch):
    asked = []

    def world(part, **keys):
        asked.append((part, keys))
        return iter([{"text": "un", "language": "fr", "group": "g"}])

    monkeypatch.setattr(petit_monde, "rows", world)
    (found,) = documents("builtin:petit-monde", ["fr", "it"], size="3MB")
    assert (found.language, found.group) == ("fr", "g")
    documents("builtin:petit-monde", ["fr", "it"], size="3MB", seed=7, language="fr")
    assert asked[0] == ("prose", {"seed": 1, "size": 3_000_000, "languages": ["fr", "it"]})
    assert asked[-1] == ("prose", {"seed": 7, "size": 3_000_000, "languages": ["fr"]})


def test_a_world_that_does_not_exist_is_refused_before_anything_is_read(monkeypatch):
    def world(part, **keys):
        raise ValueError("size must be an integer of at least 100000 bytes, not 1000")

    monkeypatch.setattr(petit_monde, "rows", world)
    with pytest.raises(UserError, match=r"corpus\.sources\.a\.from: .*at least 100000 bytes"):
        reader("builtin:petit-monde", size="1kB")


class TestColumns:
    def test_a_missing_text_column_lists_the_columns(self, rows):
        with pytest.raises(UserError) as refused:
            read(rows({"content": "un", "titre": "x"}))
        message = str(refused.value)
        assert "corpus.sources.a.text" in message and "content, titre" in message and "text=COLUMN" in message

    def test_a_missing_group_column_too(self, rows):
        with pytest.raises(UserError, match=r"corpus\.sources\.a\.group"):
            read(rows({"text": "un"}), group="work")

    def test_columns_of_other_names(self, rows):
        path = rows({"content": "un", "work": 3, "lang": "fr"})
        (found,) = documents(path, text="content", group="work")
        assert (found.text, found.group) == ("un", "3")

    def test_a_row_without_what_the_others_have_is_set_aside(self, rows):
        path = rows(
            {"text": "un"}, {"titre": "x"}, {"text": None}, {"text": ["a"]}, {"text": "  \n"}, {"text": "\ud800"}
        )
        assert [reason.split(":")[0] for _, reason in rejects(path)] == [
            "no column text",
            "no text in its text column",
            "no text in its text column",
            "empty",
            "not Unicode text (lone surrogates)",
        ]

    def test_zero_is_a_group_like_any_other_and_nothing_is_none(self, rows):
        values = [{"text": f"t{n}", "work": work} for n, work in enumerate([0, 0, None, "", "0"])]
        groups = [document.group for document in documents(rows(*values), group="work")]
        assert groups == ["0", "0", "a.jsonl:3", "a.jsonl:4", "0"]

    def test_what_cannot_be_written_as_utf8_does_not_stop_the_reading(self, rows):
        path = rows({"text": "un", "group": "\ud800", "license": "\ud801"}, {"\ud802": "deux", "text": 3})
        items = read(path)
        for item in items:
            json.dumps(vars(item), ensure_ascii=False).encode()
        assert len(items) == 2


class TestLanguages:
    def test_the_sources_language_counts_first(self, rows):
        (found,) = documents(rows({"text": "un", "lang": "it"}), ["fr", "it"], language="fr")
        assert found.language == "fr"

    @pytest.mark.parametrize("column", ["language", "lang"])
    def test_then_the_column(self, rows, column):
        (found,) = documents(rows({"text": "un", column: "it"}), ["fr", "it"])
        assert found.language == "it"

    def test_then_the_only_one_of_the_recipe(self, rows):
        (found,) = documents(rows({"text": "un"}), ["it"])
        assert found.language == "it"

    def test_else_it_must_be_said(self, rows):
        with pytest.raises(UserError, match=r"corpus\.sources\.a\.language: missing"):
            read(rows({"text": "un"}), ["fr", "it"])

    def test_another_language_and_none_at_all_are_set_aside(self, rows):
        path = rows({"text": "un", "lang": "fr"}, {"text": "zwei", "lang": "de"}, {"text": "tre", "lang": None})
        assert [reason for _, reason in rejects(path, ["fr", "it"])] == [
            "language not in languages: de",
            "no language in its column",
        ]


def test_a_limit_counts_documents_and_not_rejects(rows):
    path = rows({"text": "un"}, {"text": ""}, {"text": "deux"}, {"text": "trois"})
    assert [document.text for document in documents(path, limit=2)] == ["un", "deux"]
    again = reader(path, limit=2)
    assert len(list(again.read())) == len(list(again.read())) == 3


def test_places_are_told_from_each_other(rows):
    path = rows({"text": "un"}, {"text": "deux"})
    assert [document.group for document in documents(path)] == ["a.jsonl:1", "a.jsonl:2"]


def test_the_real_library_streams_a_data_set_that_lies_here(tmp_path):
    write_lines(tmp_path / "train.jsonl", [{"text": text, "n": n} for n, text in enumerate(("un", "deux", "trois"))])
    source = Source.model_validate({"from": f"hub:{tmp_path}", "language": "fr"})
    rows = list(hub_rows(str(tmp_path), source, "corpus.sources.a"))
    assert [row.values for row in rows] == [{"text": "un", "n": 0}, {"text": "deux", "n": 1}, {"text": "trois", "n": 2}]
    with pytest.raises(UserError, match="could not be opened"):
        list(hub_rows(str(tmp_path / "nowhere"), source, "corpus.sources.a"))


class TestTemplates:
    def test_columns_are_joined(self, rows):
        path = rows({"title": "Candide", "text": "Il y avait\r\nen Westphalie", "n": 3})
        assert [d.text for d in documents(path, template="{title}\n\n{text}")] == [
            "Candide\n\nIl y avait\nen Westphalie"
        ]
        assert [d.text for d in documents(path, template="{{{n}}} {title}")] == ["{3} Candide"]

    def test_the_two_of_a_parallel_pair(self, rows):
        path = rows({"translation": {"fr": "Bonjour", "it": "Buongiorno"}}, {"translation": {"fr": "Oui", "it": " "}})
        pair = {"template": "{translation.fr}\n{translation.it}", "language": "fr"}
        assert [d.text for d in documents(path, **pair)] == ["Bonjour\nBuongiorno"]
        assert rejects(path, **pair) == [("a.jsonl:2", "empty: column translation.it")]

    def test_a_column_that_is_missing_is_named_never_guessed(self, rows):
        with pytest.raises(UserError, match=r"corpus\.sources\.a\.template: .*no column 'titre'"):
            read(rows({"title": "x", "text": "y"}), template="{titre}\n{text}")
        path = rows(
            {"title": "x", "text": "y"}, {"text": "z"}, {"title": None, "text": "z"}, {"title": ["a"], "text": "z"}
        )
        assert rejects(path, template="{title}\n{text}") == [
            ("a.jsonl:2", "no column title"),
            ("a.jsonl:3", "no text in its text column: title"),
            ("a.jsonl:4", "no text in its text column: title"),
        ]

    @pytest.mark.parametrize("template", ["no column", "{}", "{text!r}", "{text:>3}", "{text"])
    def test_what_is_no_template_is_refused(self, template):
        with pytest.raises(ValueError):
            Source.model_validate({"from": "a", "template": template})


def test_the_number_of_a_quality_column_goes_with_the_document(rows):
    values = [{"text": "t", "q": {"score": q}} for q in (0.25, 1, "0.5", None, "x", True, float("nan"))]
    path = rows(*values)
    assert [d.metadata["score"] for d in documents(path, score="q.score")] == [0.25, 1.0, 0.5]
    assert {reason.split(":")[0] for _, reason in rejects(path, score="q.score")} == {"no number in its score column"}
    assert len(rejects(path, score="q.score")) == 4
    with pytest.raises(UserError, match=r"corpus\.sources\.a\.score"):
        read(path, score="quality")


def test_code_is_a_language_beside_those_of_the_recipe(rows):
    path = rows({"text": "def f(): pass", "lang": "fr"})
    (found,) = documents(path, ["fr", "it"], language="code")
    assert found.language == "code"
    assert reader(path, ["fr", "it"], language="code").languages == ["fr", "it", "code"]
    assert reader(path, ["fr", "it"]).languages == ["fr", "it"]


def test_a_column_in_mark_up_gives_its_text(rows):
    html = "<nav><a href=/>Accueil</a></nav><p>Une phrase assez longue pour que le texte soit reconnu comme tel.</p>"
    path = rows({"text": html, "title": "Titre"}, {"text": "<nav><a href=/>Accueil</a></nav>", "title": "Rien"})
    assert [d.text for d in documents(path, markup="html", template="{title}\n\n{text}")] == [
        "Titre\n\nUne phrase assez longue pour que le texte soit reconnu comme tel."
    ]
    assert rejects(path, markup="html") == [("a.jsonl:2", "no main text")]
    assert documents(rows({"text": "un [[mot|vrai mot]]"}), markup="wiki")[0].text == "un vrai mot"


class TestParts:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("a", "b", "c"):
            write_lines(tmp_path / f"{name}.jsonl", [{"text": f"{name}{n}", "id": n, "group": n} for n in range(3)])
        return tmp_path

    def test_the_parts_in_order_are_the_whole(self, folder):
        source = reader(folder)
        assert source.parts() == ["a.jsonl", "b.jsonl", "c.jsonl"]
        assert [item for index in range(3) for item in source.read_part(index)] == list(source.read())
        assert list(source.read_part(2)) == list(reader(folder).read_part(2))

    def test_a_limit_holds_over_all_parts(self, folder):
        assert [d.text for d in documents(folder, limit=4)] == ["a0", "a1", "a2", "b0"]
        assert [d.text for d in reader(folder).read_part(1, 2)] == ["b0", "b1"]

    def test_groups_and_ids_that_come_again_in_other_files(self, folder):
        found = documents(folder)
        assert [d.group for d in found] == ["0", "1", "2"] * 3  # the same work, wherever it lies
        assert len({d.id for d in found}) == len({d.metadata["place"] for d in found}) == 9
        write_lines(folder / "c.jsonl", [{"text": "a0", "id": 7}])
        assert documents(folder)[0].id == documents(folder)[-1].id  # the same text: one of them goes as a duplicate

    def test_only_the_first_part_may_say_that_a_column_is_misnamed(self, folder):
        write_lines(folder / "b.jsonl", [{"content": "un"}])
        assert rejects(folder) == [("b.jsonl:1", "no column text")]

    @pytest.mark.parametrize("kind", ["jsonl", "txt"])
    def test_a_file_that_vanishes_is_named_and_the_others_are_read(self, folder, kind, capsys):
        if kind == "txt":
            for name in ("a", "b", "c"):
                (folder / f"{name}.jsonl").unlink()
                (folder / f"{name}.txt").write_text(f"{name}0")
        source = reader(folder)
        items = source.read()
        first = next(items)
        (folder / f"b.{kind}").unlink()
        items = [first, *items]
        assert {item.text[0] for item in items if isinstance(item, Document)} == {"a", "c"}
        assert [item.reason.split(":")[0] for item in items if isinstance(item, Reject)] == ["unreadable file"]
        assert f"WARNING a: b.{kind} from its beginning: unreadable file" in capsys.readouterr().out

    def test_a_folder_that_vanishes_is_named_file_by_file(self, folder):
        import shutil

        source = reader(folder)
        shutil.rmtree(folder)
        assert [(item.place, item.size) for item in source.read() if isinstance(item, Reject)] == [
            (f"{name}.jsonl from its beginning", 0) for name in ("a", "b", "c")
        ]


def test_empty_documents_nul_bytes_and_lone_surrogates(rows):
    path = rows({"text": ""}, {"text": "\u3000 \n"}, {"text": "a\0b"}, {"text": "a\udcffb"})
    assert [d.text for d in documents(path)] == ["a\0b"]  # a NUL is a character: cleaning is for the rules
    assert rejects(path) == [
        ("a.jsonl:1", "empty"),
        ("a.jsonl:2", "empty"),
        ("a.jsonl:4", "not Unicode text (lone surrogates)"),
    ]
    assert [item.size for item in read(path) if isinstance(item, Reject)] == [12, 18, 5]  # of the records


def test_texts_are_not_normalised(rows):
    texts = ["e\u0301te\u0301", "été", "ﬁn…", "l’«\u00a0été\u202f!\u00a0»"]
    assert [d.text for d in documents(rows(*({"text": text} for text in texts)))] == texts
