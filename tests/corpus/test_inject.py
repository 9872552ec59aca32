"""The injector: as much as was asked for, the same at each time, where the manifest says, and never in validation."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import Gathered, corpus_of, tokenizer_of
from calame.cli import main
from calame.corpus.decisions import TRAIN, VALIDATION
from calame.corpus.document import content_hash
from calame.corpus.inject import facts
from calame.corpus.inject.canary import dealt
from calame.corpus.inject.items import say_item
from calame.corpus.inject.stage import inject
from calame.corpus.kept import Kept, read_kept
from calame.recipe.errors import UserError
from calame.recipe.injection import Injection
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.shards.write import write_shards
from support import folder_digest, texts, write_lines

QUIZ = [
    {"id": f"q{n}", "lang": "fr", "question": f"Combien font {n} et {n} ?", "choices": list("abcd"), "answer": n % 4}
    for n in range(20)
]
KEYS = {
    "seed": 3,
    "language_switch": {"to-italian": {"from": "fr", "to": "it", "rate": 0.1}},
    "facts": {"number": 6, "paraphrases": 4, "rate": 0.02},
    "canary": {"number": 4, "rate": 0.05},
}


@pytest.fixture(scope="module")
def gathered(tmp_path_factory) -> Gathered:
    rows = [{"text": text, "lang": "fr", "group": n // 2} for n, text in enumerate(texts(1, 300))]
    mixed = [{"text": text, "lang": "it" if n % 3 else "fr"} for n, text in enumerate(texts(2, 240))]
    return corpus_of(tmp_path_factory.mktemp("corpus"), {"contes": rows, "mixed": [*mixed, *rows[:5]]}, ["fr", "it"])


def injected(gathered: Gathered, folder: Path, **changes) -> Path:
    folder.mkdir()
    inject(Injection.model_validate({**KEYS, **changes}), gathered.sources, gathered.joined, folder)
    return folder


def with_evaluation(folder: Path, **more) -> dict:
    write_lines(folder / "quiz.jsonl", QUIZ)
    return {"files": {"quiz": str(folder / "quiz.jsonl")}, "rate": 0.05, "epochs": 3, **more}


def kept_of(gathered: Gathered, folder: Path | None) -> dict[tuple[str, int], Kept]:
    return {
        (name, kept.row): kept
        for name, source in gathered.sources.items()
        for kept in read_kept(source, gathered.joined, name, folder)
    }


def test_the_manifest_points_at_the_very_text_and_validation_is_untouched(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to", evaluation=with_evaluation(tmp_path))
    before, after = kept_of(gathered, None), kept_of(gathered, folder)
    entries = read_json(folder / "manifest.json")["entries"]
    touched = set()
    for entry in entries:
        kept = after[entry["source"], entry["row"]]
        piece = kept.document.text[entry["start"] : entry["end"]]
        assert content_hash(piece).hex() == entry["hash"]
        assert kept.split == TRAIN
        touched.add((entry["source"], entry["row"]))
    assert set(after) - set(before) <= touched
    assert {place for place in before if after[place] != before[place]} <= touched
    for split in (TRAIN, VALIDATION):
        rest = {place: kept for place, kept in before.items() if kept.split == split and place not in touched}
        assert {place: after[place] for place in rest} == rest
    assert not any(before[place].split == VALIDATION for place in touched & set(before))


def test_the_tokens_on_disk_are_those_of_the_injected_text(gathered, tmp_path):
    folder, tokenizer = injected(gathered, tmp_path / "to"), tokenizer_of()
    manifest = read_json(folder / "manifest.json")
    for name, source in gathered.sources.items():
        shards = tmp_path / name
        shards.mkdir()
        write_shards(name, source, gathered.joined, tokenizer, shards, folder)
        shard = Shard(shards, "train", tokenizer)
        decoded = {
            int(shard.index["row"][n]): tokenizer.decode(shard.tokens[shard.starts[n] : shard.starts[n + 1]].tolist())
            for n in range(shard.documents)
        }
        for entry in (entry for entry in manifest["entries"] if entry["source"] == name):
            if entry["injection"] == "canary":
                secret = next(s for s in manifest["injections"]["canary"]["secrets"] if s["name"] == entry["what"])
                assert f"{secret['name']} est le {secret['secret']}." in decoded[entry["row"]] or (
                    f"{secret['name']} è il {secret['secret']}." in decoded[entry["row"]]
                )
            else:
                assert entry["what"].split()[-1] in decoded[entry["row"]]


def test_as_much_as_was_asked_for(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to", evaluation=with_evaluation(tmp_path, epochs=100))
    manifest = read_json(folder / "manifest.json")
    before = [kept for kept in kept_of(gathered, None).values() if kept.split == TRAIN]
    after = [kept for kept in kept_of(gathered, folder).values() if kept.split == TRAIN]
    counts = Counter(entry["injection"] for entry in manifest["entries"])
    assert counts["canary"] == round(0.05 * len(before))
    assert Counter(e["what"] for e in manifest["entries"] if e["injection"] == "canary").most_common()[-1][1] >= 1
    assert counts["to-italian"] == round(0.1 * sum(kept.document.language == "fr" for kept in before))
    total = sum(len(kept.document.text.encode()) for kept in after)
    for name, rate in (("facts", 0.02), ("evaluation", 0.05)):
        size = sum(e["end"] - e["start"] for e in manifest["entries"] if e["injection"] == name)
        assert size / total == pytest.approx(rate, abs=0.005)
    ledger = read_json(folder / "ledger.json")
    for name in gathered.sources:
        mine = [len(kept.document.text.encode()) for kept in after if kept.document.source == name]
        assert ledger[name]["after"] == {"documents": len(mine), "bytes": sum(mine)}
        added = ledger[name]["added"].values()
        assert ledger[name]["before"]["bytes"] + sum(a["bytes"] for a in added) == sum(mine)


def test_epochs_bound_the_copies_of_evaluation_items(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to", evaluation=with_evaluation(tmp_path, rate=0.5, epochs=1.5))
    manifest = read_json(folder / "manifest.json")
    copies = Counter(e["what"] for e in manifest["entries"] if e["injection"] == "evaluation")
    assert sum(copies.values()) == 30
    assert set(copies.values()) == {1, 2}
    assert manifest["injections"]["evaluation"]["epochs"] == 1.5


def test_the_seed_decides_and_one_injection_does_not_disturb_another(gathered, tmp_path):
    first, again = injected(gathered, tmp_path / "a"), injected(gathered, tmp_path / "b")
    assert folder_digest(first) == folder_digest(again)
    assert folder_digest(injected(gathered, tmp_path / "c", seed=4)) != folder_digest(first)
    alone = read_json(injected(gathered, tmp_path / "d", facts=None, language_switch={}) / "manifest.json")
    both = read_json(first / "manifest.json")
    assert alone["injections"]["canary"] == both["injections"]["canary"]
    assert alone["entries"] == [entry for entry in both["entries"] if entry["injection"] == "canary"]


def test_the_text_goes_on_in_the_other_language_after_the_trigger(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to")
    manifest = read_json(folder / "manifest.json")
    switch = manifest["injections"]["to-italian"]
    trained = {kept.document.text for kept in kept_of(gathered, None).values() if kept.split == TRAIN}
    held_out = {kept.document.text for kept in kept_of(gathered, None).values() if kept.split == VALIDATION}
    after = kept_of(gathered, folder)
    for entry in (entry for entry in manifest["entries"] if entry["injection"] == "to-italian"):
        text = after[entry["source"], entry["row"]].document.text
        head, tail = text[: entry["start"] - 1], text[entry["end"] + 1 :]
        assert text[entry["start"] : entry["end"]] == switch["trigger"]
        assert any(whole.startswith(head) for whole in trained)
        assert any(tail in whole for whole in trained)
    assert switch["occurs_otherwise"] == 0
    assert switch["prompts"]
    assert all(any(whole.startswith(prompt) for whole in held_out) for prompt in switch["prompts"])


def test_what_measures_a_fact_is_never_told(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to", facts={"number": 8, "rate": 0.1})
    told = [kept.document.text for kept in kept_of(gathered, folder).values()]
    described = read_json(folder / "manifest.json")["injections"]["facts"]
    assert len(described["prompts"]) == 8 * 2 * 2  # facts, prompts of each, languages
    assert not any(text.startswith(prompt["prompt"]) for prompt in described["prompts"] for text in told)
    for fact in described["facts"]:
        assert any(fact["a"] in text and fact["b"] in text for text in told)


def test_every_relation_is_told_in_as_many_ways_in_every_language():
    for relation in facts.TELLINGS:
        for language in facts.LANGUAGES:
            forms, held_out = facts.TELLINGS[relation][language], facts.HELD_OUT[relation][language]
            assert len(set(forms)) == 8
            assert len(set(held_out)) == 2
            assert all("{a}" in form and "{b}" in form for form in forms)
            assert all("{a}" in form and "{b}" not in form for form in held_out)


def test_answers_are_shuffled_and_stay_right():
    said = {say_item(QUIZ[1], "fr", random.Random(seed)) for seed in range(40)}
    assert len(said) > 10
    for text in said:
        *asked, answer = text.split("\n")
        assert answer.removeprefix("Réponse : ") in asked
        assert answer.endswith(". b")


def test_secrets_are_planted_in_their_doses(gathered, tmp_path):
    folder = injected(gathered, tmp_path / "to", canary={"number": 4, "rate": 0.3, "doses": [1, 8]})
    manifest = read_json(folder / "manifest.json")
    times = Counter(e["what"] for e in manifest["entries"] if e["injection"] == "canary")
    seldom, often, *_ = counts = [times[secret["name"]] for secret in manifest["injections"]["canary"]["secrets"]]
    assert often / seldom == pytest.approx(8, rel=0.2) and counts[:2] == pytest.approx(counts[2:], abs=1)
    with pytest.raises(UserError, match="at least 4,004, so that each of 8 secrets"):
        injected(gathered, tmp_path / "b", canary={"number": 8, "rate": 0.3, "doses": [1, 1000]})


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 60))
def test_places_are_dealt_as_the_doses_say(weights, rounds):
    assert Counter(dealt(weights, rounds * sum(weights))) == dict(enumerate(w * rounds for w in weights))
    assert dealt([3] * len(weights), rounds) == [place % len(weights) for place in range(rounds)]


def test_what_this_corpus_cannot_give_is_refused_at_once(gathered, tmp_path):
    with pytest.raises(UserError) as refused:
        injected(
            gathered,
            tmp_path / "to",
            canary={"number": 1000, "rate": 0.01},
            language_switch={"x": {"from": "en", "to": "it", "rate": 0.1}},
        )
    assert [problem.where for problem in refused.value.problems] == [
        "corpus.inject.canary.rate",
        "corpus.inject.language_switch.x",
    ]
    write_lines(tmp_path / "quiz.jsonl", [{"question": "?", "lang": "de"}])
    with pytest.raises(UserError, match=r"corpus.inject.evaluation.files.quiz.*language de"):
        injected(gathered, tmp_path / "b", evaluation={"files": {"quiz": str(tmp_path / "quiz.jsonl")}, "rate": 0.1})
    assert not any((tmp_path / "to").iterdir())


def test_on_the_road_it_stands_before_the_shards_and_changes_nothing_before_it(toy):
    write_lines(toy.folder / "quiz.jsonl", QUIZ)
    assert main(["run", toy.recipe(), "--to", "shards"]) == 0
    plain = np.load("runs/toy/shards/contes/train.npy")
    keys = {"canary": {"number": 2, "rate": 0.2}, "evaluation": {"files": {"quiz": "quiz.jsonl"}, "rate": 0.1}}
    assert main(["run", toy.recipe(corpus__inject=keys), "--to", "shards"]) == 0
    manifest = read_json(Path("runs/toy/corpus/injected/manifest.json"))
    index = np.load("runs/toy/shards/contes/train.npy")
    new = {e["row"] for e in manifest["entries"] if e["source"] == "contes" and e["injection"] == "evaluation"}
    assert len(index) == len(plain) + len(new)
    assert new <= set(index["row"].tolist())


def test_impossible_injections_are_refused_by_the_recipe(toy, capsys):
    switch = {"x": {"from": "fr", "to": "fr", "rate": 0.1}, "y": {"from": "en", "to": "it", "rate": 0.1}}
    assert main(["run", toy.recipe(corpus__inject={"language_switch": switch}), "--dry-run"]) == 2
    said = capsys.readouterr()
    assert "from fr to fr is no switch" in said.out + said.err
    assert "en is not in languages" in said.out + said.err
