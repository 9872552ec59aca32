"""`calame new`: counts the text, refuses what cannot work with what is missing, and writes a recipe that loads."""

from pathlib import Path

import pytest
import yaml

from calame.planning.shape import Speed
from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.road import new as new_module
from calame.road.new import new
from support import texts, write_lines


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The current folder is a fresh one, and this machine has a known speed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(new_module, "_cpu_speed", lambda: Speed(5e10, "a test machine"))
    return tmp_path


def folder(path: Path, files: int = 25, size: int = 10_000) -> str:
    """Text files of about `size` bytes each, of paragraphs."""
    path.mkdir(parents=True, exist_ok=True)
    paragraphs = list(texts(1, 50))
    for number in range(files):
        text = f"Texte {number}."
        while len(text.encode()) < size:
            text += "\n\n" + paragraphs[(number + len(text)) % 50]
        (path / f"{number}.txt").write_text(text, encoding="utf-8")
    return str(path)


def refused(*arguments) -> str:
    with pytest.raises(UserError) as error:
        new(*arguments)
    assert not list(Path().glob("*.yaml"))
    return str(error.value)


@pytest.mark.parametrize("size", [10_000, 100_000])
@pytest.mark.parametrize("hours", [None, 0.5])
def test_the_recipe_loads_and_its_numbers_carry_reasons(here, capsys, size, hours):
    new("contes", folder(here / "textes", 25, size), ["fr"], "cpu", hours)
    recipe, _ = load_recipe("contes.yaml")
    assert (recipe.name, recipe.languages) == ("contes", ["fr"])
    assert Path(recipe.corpus.sources["text"].location) == here / "textes"
    assert recipe.sft is not None and recipe.evaluation.prompts == ["Il était une fois"]
    lines = Path("contes.yaml").read_text().splitlines()
    for key in ("vocabulary", "hidden_size", "tokens", "context", "batch", "learning_rate"):
        found = [line for line in lines if line.strip().startswith(f"{key}:")]
        assert found and all(len(line.partition("  # ")[2]) > 10 for line in found), found
    said = capsys.readouterr().out
    assert "25 documents" in said and "calame run contes.yaml" in said


def test_few_files_are_cut_so_that_some_can_be_kept_for_validation(here):
    new("livre", folder(here / "textes", 2, 200_000), ["fr"], "cpu", None)
    assert load_recipe("livre.yaml")[0].corpus.sources["text"].document == "passage"


def test_a_single_file_and_a_table(here):
    folder(here / "textes", 1, 300_000)
    new("livre", "textes/0.txt", ["fr"], "cpu", None)
    write_lines(here / "table.jsonl", [{"text": text} for text in texts(2, 1500)])
    new("table", "table.jsonl", ["fr"], "cpu", None)
    assert load_recipe("livre.yaml")[0].corpus.sources["text"].document == "passage"
    assert load_recipe("table.yaml")[0].corpus.sources["text"].document is None


def test_several_languages_are_folders(here):
    folder(here / "textes/fr")
    folder(here / "textes/it")
    new("deux", "textes", ["fr", "it"], "cpu", None)
    recipe, _ = load_recipe("deux.yaml")
    assert {name: source.language for name, source in recipe.corpus.sources.items()} == {"fr": "fr", "it": "it"}
    assert recipe.evaluation.prompts == ["Il était une fois", "C’era una volta"]


def test_a_folder_of_a_language_that_is_missing(here):
    folder(here / "textes/fr")
    message = refused("deux", "textes", ["fr", "it"], "cpu", None)
    assert "no folder it" in message and "textes/fr, textes/it" in message


def test_too_little_text_says_how_much_is_missing(here):
    message = refused("court", folder(here / "textes", 3, 20_000), ["fr"], "cpu", None)
    assert "60" in message and "at least 200 kB" in message and "add 1" in message


def test_text_that_cannot_be_divided(here):
    (here / "a.txt").write_text("mot " * 60_000)
    assert "at least 2" in refused("un", "a.txt", ["fr"], "cpu", None)


def test_text_that_is_not_there(here):
    assert "no such file or folder" in refused("rien", "nulle-part", ["fr"], "cpu", None)
    (here / "vide").mkdir()
    assert "no files" in refused("rien", "vide", ["fr"], "cpu", None)


def test_text_that_is_not_utf8(here):
    (here / "a.txt").write_bytes(b"\xe9t\xe9 " * 100_000)
    assert "byte 0xE9 at position 0" in refused("vieux", "a.txt", ["fr"], "cpu", None)


def test_a_name_in_use(here):
    path = folder(here / "textes")
    new("contes", path, ["fr"], "cpu", None)
    before = Path("contes.yaml").read_text()
    with pytest.raises(UserError, match=r"contes\.yaml: is there already"):
        new("contes", path, ["fr"], "cpu", None)
    assert Path("contes.yaml").read_text() == before


def test_every_mistake_on_the_line_at_once():
    message = refused("Mes Contes", "textes", ["français", "it", "it"], "cpu", -1)
    for words in ("'Mes Contes'", "'français'", "one of them twice", "--hours: -1"):
        assert words in message
    assert "comes with Calame" in refused("petit-monde", "textes", ["fr"], "cpu", None)


def test_an_unknown_card_lists_the_known_ones(here):
    message = refused("contes", folder(here / "textes"), ["fr"], "voodoo-3", None)
    assert "voodoo-3 is not in the hardware table" in message and "H100" in message and "hardware.py" in message


def test_a_known_card_is_used_without_being_here(here):
    new("contes", folder(here / "textes"), ["fr"], "4090", None)
    assert load_recipe("contes.yaml")


@pytest.mark.parametrize(
    ("card", "words"),
    [("h100", "h100 may be H100 SXM or H100 PCIe or H100 NVL"), ("t4", "t4 does not compute in bf16")],
)
def test_a_card_without_a_peak_is_refused_with_the_reason(here, card, words):
    assert words in refused("contes", folder(here / "textes"), ["fr"], card, None)


def test_too_little_time_says_how_much_is_needed(here):
    message = refused("bref", folder(here / "textes"), ["fr"], "cpu", 1e-6)
    assert "--hours" in message and "at least" in message


@pytest.mark.parametrize(("name", "language"), [("on", "no"), ("1984", "fr"), ("null", "it"), ("1e3", "de")])
def test_words_that_yaml_reads_its_own_way(here, name, language):
    new(name, folder(here / "textes"), [language], "cpu", None)
    recipe, _ = load_recipe(f"{name}.yaml")
    assert (recipe.name, recipe.languages) == (name, [language])
    assert yaml.safe_load(Path(f"{name}.yaml").read_text())["name"] == name


def test_no_english_beginning_for_another_language(here):
    new("german", folder(here / "textes"), ["de"], "cpu", None)
    assert load_recipe("german.yaml")[0].evaluation.prompts == []


def test_a_folder_with_a_quote_and_a_bracket_in_its_name(here):
    new("contes", folder(here / 'l\'"été" [1]'), ["fr"], "cpu", None)
    assert Path(load_recipe("contes.yaml")[0].corpus.sources["text"].location).is_dir()
