"""The recipe's keys of duplicates: switches, refusals, and which stages they touch."""

import pytest

from calame.recipe.errors import UserError
from calame.recipe.load import load_recipe
from calame.recipe.save import resolved_yaml
from calame.road.stages import build_road
from calame.run.folder import RunFolder


def dedup(toy, *overrides: str):
    return load_recipe(toy.recipe(), overrides)[0].corpus.dedup


def stages(toy, *overrides: str) -> dict[str, str]:
    return {stage.name: stage.fingerprint for stage in build_road(RunFolder(load_recipe(toy.recipe(), overrides)[0]))}


def test_switches(toy):
    assert dedup(toy).near is dedup(toy).paragraphs is None
    on = dedup(toy, "corpus.dedup.near=on", "corpus.dedup.paragraphs=on")
    assert (on.near.jaccard, on.near.ngram, on.paragraphs.least) == (0.8, 5, 200)
    assert dedup(toy, "corpus.dedup.near=off").near is None
    assert dedup(toy, "corpus.dedup.near=true").near == on.near
    assert dedup(toy, "corpus.dedup.near.jaccard=70%").near.jaccard == 0.7


def test_the_resolved_recipe_says_the_same(toy):
    for overrides in ([], ["corpus.dedup.near=on"], ["corpus.dedup.near.method=rodin", "corpus.dedup.paragraphs=on"]):
        recipe, derived = load_recipe(toy.recipe(), overrides)
        (toy.folder / "again.yaml").write_text(resolved_yaml(recipe, derived), encoding="utf-8")
        assert load_recipe("again.yaml")[0].corpus.dedup == recipe.corpus.dedup


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("corpus.dedup.near=perhaps", "corpus.dedup.near"),
        ("corpus.dedup.near.jaccard=1.2", "corpus.dedup.near.jaccard"),
        ("corpus.dedup.near.jacard=0.8", "jaccard"),
        ("corpus.dedup.near={method: rodin, jaccard: 0.9}", "jaccard: not with method rodin"),
        ("corpus.dedup.near={permutations: 16, jaccard: 0.3, recall: 0.999}", "corpus.dedup.near.permutations=32"),
        ("corpus.dedup.paragraphs.least=0", "corpus.dedup.paragraphs.least"),
    ],
)
def test_what_cannot_be_is_refused(toy, override, said):
    with pytest.raises(UserError) as refused:
        load_recipe(toy.recipe(), [override])
    assert len(refused.value.problems) == 1
    assert said in str(refused.value)


def test_a_threshold_does_not_read_the_sources_again(toy):
    """Signatures depend on shingles and permutations alone; what is off touches no stage at all."""
    off, on = stages(toy), stages(toy, "corpus.dedup.near=on")
    assert stages(toy, "corpus.dedup.near=off") == off
    assert on["corpus/contes"] != off["corpus/contes"] and on["corpus"] != off["corpus"]
    stricter = stages(toy, "corpus.dedup.near={jaccard: 0.9, recall: 0.95, same_side: 0.7}")
    assert stricter["corpus/contes"] == on["corpus/contes"] and stricter["corpus"] != on["corpus"]
    assert stages(toy, "corpus.dedup.near.ngram=6")["corpus/contes"] != on["corpus/contes"]
    paragraphs = stages(toy, "corpus.dedup.paragraphs=on")
    assert paragraphs["corpus/contes"] == off["corpus/contes"] and paragraphs["corpus"] != off["corpus"]
