"""The run folder: what was run, on what, and links to what came out."""

import json
from dataclasses import replace

import pytest
import yaml

from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.run.folder import RunFolder
from calame.run.stage import Stage


def make(work):
    (work.folder / "selected.json").write_text("{}")


stage = Stage("corpus/contes", 1, {"share": 1}, make, link="corpus/sources/contes")
select = Stage("select", 1, {}, make, link="selected.json", linked_file="selected.json")


@pytest.fixture
def folder(toy) -> RunFolder:
    toy.recipe()
    return RunFolder(load_recipe("toy.yaml")[0])


def test_opening_writes_what_runs_and_on_what(folder):
    _, derived = load_recipe("toy.yaml")
    folder.open(derived)
    assert yaml.safe_load((folder.path / "recipe.yaml").read_text())["name"] == "toy"
    found = json.loads((folder.path / "environment.json").read_text())
    assert found["packages"]["torch"] and found["machine"]["cpus"] and found["python"]


def test_a_link_leads_to_the_stages_output_and_moves_with_it(folder):
    assert folder.linked(stage) is None
    for version in (1, 2):
        made = replace(stage, version=version)
        folder.store.make(made)
        folder.link(made)
        assert folder.linked(made) == folder.store.folder(made).resolve()
    link = folder.path / "corpus/sources/contes"
    assert link.is_symlink() and not str(link.readlink()).startswith("/")  # the runs folder may be moved
    assert [path.name for path in link.parent.iterdir()] == ["contes"]


def test_a_link_to_one_file_of_a_stage(folder):
    folder.store.make(select)
    folder.link(select)
    assert (folder.path / "selected.json").read_text() == "{}"
    assert folder.linked(select) == folder.store.folder(select).resolve()


def test_a_link_whose_output_was_removed_leads_nowhere(folder):
    folder.store.make(stage)
    folder.link(stage)
    for path in folder.store.folder(stage).iterdir():
        path.unlink()
    folder.store.folder(stage).rmdir()
    assert folder.linked(stage) is None


def test_the_whole_runs_folder_may_be_moved(folder, toy):
    folder.store.make(stage)
    folder.link(stage)
    (toy.folder / "runs").rename(toy.folder / "moved")
    moved = RunFolder(load_recipe("toy.yaml", ["execution.runs=moved"])[0])
    assert moved.linked(stage) == (toy.folder / "moved/.store/corpus.contes" / stage.fingerprint).resolve()


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (b"name: somebody-elses\n", "a recipe named 'somebody-elses', not 'toy'"),
        (b"name: [broken", "none of ours"),
        (b"", "none of ours"),
        (b"\xe9", "none of ours"),
    ],
)
def test_a_folder_of_another_recipes_run_is_refused(folder, held, words):
    folder.path.mkdir(parents=True)
    (folder.path / "recipe.yaml").write_bytes(held)
    with pytest.raises(UserError, match="another name") as refused:
        folder.open([])
    assert words in str(refused.value)
    assert (folder.path / "recipe.yaml").read_bytes() == held


def test_a_real_folder_where_a_link_belongs_is_named(folder):
    """Copied without its links, a run holds folders instead."""
    folder.store.make(stage)
    (folder.path / "corpus/sources/contes").mkdir(parents=True)
    with pytest.raises(UserError, match="a folder of its own"):
        folder.link(stage)
