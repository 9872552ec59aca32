"""Every shipped recipe can be walked as far as seeing what would be done: its inputs found, its stages planned."""

from __future__ import annotations

from pathlib import Path

from pytest import CaptureFixture, MonkeyPatch, mark

from calame.cli import main
from calame.recipe.describe import shipped_recipes
from calame.recipe.load import load_recipe


@mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_is_walked_dry(
    name: str, monkeypatch: MonkeyPatch, tmp_path: Path, capsys: CaptureFixture[str]
) -> None:
    """Files under CALAME_DATA stand there empty; data sets of the hub are not opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALAME_DATA", str(tmp_path / "data"))
    recipe, _ = load_recipe(name)
    parts = [*recipe.corpus.sources.values(), *(recipe.sft.conversations.values() if recipe.sft else ())]
    for part in parts:
        if part.location.startswith(str(tmp_path)):
            path = Path(part.location.replace("*", "0"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert main(["run", name, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert all(stage in printed for stage in ("tokenizer", "pretrain", "release"))
    assert not (tmp_path / "runs" / name).exists()
