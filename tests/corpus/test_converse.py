"""Conversations from a language model: filtered, each once, gone on with, and readable by the tuning room."""

import json
import random
import re
import subprocess
import sys
import time

import pytest
import yaml

from calame.corpus.converse import converse
from calame.corpus.themes import read_themes
from calame.recipe.errors import UserError
from calame.recipe.tuning import Conversations
from calame.run.endpoint import Model
from calame.run.http import Patience
from calame.tuning.conversations import Conversation, read_conversations
from support import environment
from web import Reply, completion, models, web

QUICK = Patience(attempts=2, first=0.01)
THEMES = {
    "language": "fr",
    "themes": [
        {"register": "courant", "theme": "le pain", "task": "expliquer", "weight": 3},
        {"register": "soutenu", "theme": "les lettres", "task": "rédiger", "weight": 1},
    ],
}


@pytest.fixture
def themes(tmp_path) -> str:
    path = tmp_path / "themes.yaml"
    path.write_text(yaml.safe_dump(THEMES, allow_unicode=True))
    return str(path)


def pairs(seed: int, count: int = 6) -> list[dict[str, str]]:
    chance = random.Random(seed)
    numbers = [chance.randrange(10**9) for _ in range(count)]
    return [{"question": f"Que vaut {n} ?", "answer": f"Voici ce que vaut le nombre {n}."} for n in numbers]


def author(asked):
    return completion(json.dumps(pairs(asked.json["seed"]))) if asked.body else models("m")


def run(site, what, to, count, **options):
    model = Model(f"{site.url}/v1", "m", temperature=0.9, at_once=options.pop("at_once", 1), **options)
    return converse(what, to, model, count, patience=QUICK)


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def calls(site) -> int:
    return sum(bool(asked.body) for asked in site.asked)


def test_what_is_written_is_read_by_the_tuning_room(tmp_path, themes):
    with web(author) as site:
        ledger = run(site, themes, tmp_path / "chat.jsonl", 20)
    keys = Conversations.model_validate({"from": str(tmp_path / "chat.jsonl")})
    found = list(read_conversations("chat", keys, ["fr"], 1))
    assert len(found) == 20 and all(isinstance(item, Conversation) for item in found)
    assert [message["role"] for message in found[0].messages] == ["user", "assistant"]
    assert ledger.kept == 20 and ledger.calls == 4 and ledger.balances()
    row = read(tmp_path / "chat.jsonl")[0]
    assert row["origin"] == "synthetic" and row["model"] == "m" and row["language"] == "fr" and row["theme"]


def test_a_request_asks_for_six_on_a_theme_chosen_by_weight(tmp_path, themes):
    with web(author) as site:
        run(site, themes, tmp_path / "chat.jsonl", 300)
    prompts = [asked.json["messages"][0]["content"] for asked in site.asked if asked.body]
    assert all("Écris 6 échanges" in prompt and '[{"question"' in prompt for prompt in prompts)
    bread = sum("Thème : le pain" in prompt for prompt in prompts)
    assert 0.55 < bread / len(prompts) < 0.9
    assert {asked.json["temperature"] for asked in site.asked if asked.body} == {0.9}
    assert len({asked.json["seed"] for asked in site.asked if asked.body}) == len(prompts)


BAD = {
    "a question not of 8 to 800 characters": [
        ("Quoi ?", "Une réponse assez longue pour passer."),
        ("é" * 801, "Assez longue, oui."),
    ],
    "an answer not of 20 to 4000 characters": [
        ("Combien font deux et deux ?", "Quatre."),
        ("Raconte-moi tout.", "x" * 4001),
    ],
    "several questions in one": [("Qui est-ce ? Où va-t-il ?", "C'est le meunier, il va au moulin.")],
    "the model thinks aloud, doubts or speaks of itself": [
        ("Quelle est la capitale du pays ?", "Hmm, laissez-moi réfléchir un instant."),
        ("Pourquoi le pain lève-t-il ?", "Je ne sais pas, il faudrait demander."),
        ("Qui es-tu donc, toi ?", "En tant qu’IA, je n'ai pas de nom."),
    ],
}


def test_what_breaks_a_rule_is_refused_by_its_name(tmp_path, themes):
    bad = [{"question": question, "answer": answer} for found in BAD.values() for question, answer in found]
    odd = [{"question": "Sans réponse ?"}, "not an object", {"question": None, "answer": "x"}]
    first = [*bad, *odd, *pairs(1, 2), pairs(1, 2)[0]]
    first[-1] = {**first[-1], "question": first[-1]["question"].upper().replace(" ", "  ")}
    with web(
        lambda asked: (
            models("m") if not asked.body else completion(json.dumps(first)) if calls(site) == 1 else author(asked)
        )
    ) as site:
        ledger = run(site, themes, tmp_path / "chat.jsonl", 8)
    counts = {rule: len(found) for rule, found in BAD.items()}
    assert ledger.refused == {**counts, "not a question with an answer": 3, "the same question": 1}
    assert ledger.items == 8 + sum(ledger.refused.values()) and ledger.balances()
    saved = json.loads((tmp_path / "chat.jsonl.ledger.json").read_text())
    assert saved["refused"] == dict(ledger.refused) and saved["kept"] == 8
    assert "Quatre." in " ".join(saved["samples"]["an answer not of 20 to 4000 characters"])


@pytest.mark.parametrize(
    "frame",
    ["```json\n{}\n```", "Voici :\n{}", '{"pairs": {}}', "<think>hm</think>{}", "{}, et voilà !"],
)
def test_answers_are_read_whatever_they_are_wrapped_in(tmp_path, themes, frame):
    def wrapped(asked):
        text = json.dumps(pairs(asked.json["seed"]) if asked.body else [])
        return completion(frame.replace("{}", text, 1)) if asked.body else models("m")

    with web(wrapped) as site:
        assert run(site, themes, tmp_path / "chat.jsonl", 12).calls == 2


def test_of_an_answer_that_was_cut_off_the_whole_pairs_are_kept(tmp_path, themes):
    def cut(asked):
        return completion(json.dumps(pairs(asked.json["seed"]))[:-20]) if asked.body else models("m")

    with web(cut) as site:
        ledger = run(site, themes, tmp_path / "chat.jsonl", 10)
    assert ledger.calls == 2 and ledger.kept == 10


def test_killed_anywhere_the_same_command_ends_with_the_same_file(tmp_path, themes):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "chat.jsonl"
    with web(author) as site:
        run(site, themes, whole, 30)
        asked = calls(site)
        expected = [row["messages"] for row in read(whole)]
        ledger = (tmp_path / "whole.jsonl.ledger.json").read_bytes()
        text, cache = whole.read_bytes(), (tmp_path / ".whole.jsonl.answers.jsonl").read_bytes()
        for chance in map(random.Random, range(20)):
            answers = chance.randrange(len(cache))
            known = cache[:answers].count(b"\n")
            # An answer is in the cache before what is made of it is written: no more than four a known one, of five.
            path.write_bytes(text[: chance.randrange(len(text)) * known * 4 // 30 if known else 0])
            (tmp_path / ".chat.jsonl.answers.jsonl").write_bytes(cache[:answers])
            before = calls(site)
            run(site, themes, path, 30)
            assert [row["messages"] for row in read(path)] == expected
            assert (tmp_path / "chat.jsonl.ledger.json").read_bytes() == ledger
            assert calls(site) - before == asked - known


def test_done_is_done_and_more_is_added_to_what_is_there(tmp_path, themes):
    path = tmp_path / "chat.jsonl"
    with web(author) as site:
        run(site, themes, path, 10)
        first, asked = path.read_bytes(), calls(site)
        ledger = (tmp_path / "chat.jsonl.ledger.json").read_bytes()
        run(site, themes, path, 10)
        assert path.read_bytes() == first and calls(site) == asked
        assert (tmp_path / "chat.jsonl.ledger.json").read_bytes() == ledger
        run(site, themes, path, 15)
    assert path.read_bytes().startswith(first) and len(read(path)) == 15
    questions = [row["messages"][0]["content"] for row in read(path)]
    assert len(set(questions)) == 15


def test_what_others_wrote_stays_and_is_not_repeated(tmp_path, themes):
    path = tmp_path / "chat.jsonl"
    with web(author) as site:
        run(site, themes, path, 10)
        (tmp_path / ".chat.jsonl.answers.jsonl").unlink()  # so that the same questions will be made once more
        run(site, themes, path, 14)
    rows = read(path)
    assert len(rows) == 14 and len({row["messages"][0]["content"] for row in rows}) == 14


def test_an_endpoint_that_stops_leaves_what_was_written_and_its_ledger(tmp_path, themes):
    with (
        web(lambda asked: author(asked) if calls(site) < 3 else Reply(b"slow down", 429)) as site,
        pytest.raises(UserError, match="too many requests"),
    ):
        run(site, themes, tmp_path / "chat.jsonl", 30)
    assert len(read(tmp_path / "chat.jsonl")) == 12
    assert json.loads((tmp_path / "chat.jsonl.ledger.json").read_text())["kept"] == 12


def test_a_model_that_repeats_itself_is_given_up(tmp_path, themes):
    with (
        web(lambda asked: completion(json.dumps(pairs(1))) if asked.body else models("m")) as site,
        pytest.raises(UserError, match="gave nothing new"),
    ):
        run(site, themes, tmp_path / "chat.jsonl", 30)
    assert len(read(tmp_path / "chat.jsonl")) == 6


def test_a_recipe_gives_its_languages_in_turn(tmp_path, toy):
    with web(author) as site:
        run(site, str(toy.recipe()), tmp_path / "new.jsonl", 24)
    assert {row["language"] for row in read(tmp_path / "new.jsonl")} == {"fr", "it"}


@pytest.mark.parametrize("language", ["fr", "it", "en"])
def test_the_shipped_themes_are_whole(language, tmp_path):
    (tmp_path / "t.yaml").write_text(f"language: {language}\nthemes: [{{register: r, theme: t, task: k}}]")
    (own,) = read_themes(str(tmp_path / "t.yaml"))
    assert not re.search(r"\{(count|register|theme|task)\}", own.prompt(own.themes[0], 6))
    assert all(doubt == doubt.lower() for doubt in own.doubts) and len(own.doubts) >= 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("themes: []", "language"),
        ("language: fr\nthemes: []", "at least 1"),
        ("language: de\nthemes: [{register: r, theme: t, task: k}]", "instruction"),
        ("language: fr\nthemes: [{register: r, theme: t, task: k, weight: 0}]", "weight"),
        ("language: fr\nthemse: 1\nthemes: [{register: r, theme: t, task: k}]", "themse"),
        ("a: [", "not YAML"),
    ],
)
def test_a_file_of_themes_with_a_fault_is_refused(tmp_path, text, words):
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        read_themes(str(tmp_path / "t.yaml"))


def test_kill_9_at_random_moments_loses_and_repeats_nothing(tmp_path, themes):
    """The program itself, killed while it asks and writes."""
    command = [sys.executable, "-m", "calame", "corpus", "converse", themes, "--count", "120", "--model", "m"]

    def slow(asked):
        time.sleep(0.02)
        return author(asked)

    with web(slow) as site:
        command += ["--endpoint", f"{site.url}/v1"]
        run(site, themes, tmp_path / "whole.jsonl", 120, max_tokens=4096)
        chance = random.Random(7)
        kills = 0
        for _ in range(6):
            process = subprocess.Popen([*command, "--to", str(tmp_path / "chat.jsonl")], env=environment())
            wanted = calls(site) + chance.randrange(1, 6)
            while process.poll() is None and calls(site) < wanted:
                time.sleep(0.002)
            kills += process.poll() is None
            process.kill()
            process.wait()
        done = subprocess.run([*command, "--to", str(tmp_path / "chat.jsonl")], env=environment())
    assert done.returncode == 0 and kills >= 3
    assert [row["messages"] for row in read(tmp_path / "chat.jsonl")] == [
        row["messages"] for row in read(tmp_path / "whole.jsonl")
    ]
