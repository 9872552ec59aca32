"""Tuning on the road: sft and dpo in their order, several tunings beside each other, and what is learnt shown."""

from __future__ import annotations

from pathlib import Path

import yaml
from pytest import CaptureFixture, MonkeyPatch

from calame.cli import main
from calame.inference.load import load_any
from calame.recipe.load import load_recipe
from calame.road.stages import build_road
from calame.run.folder import RunFolder
from support import Toy, made_by, texts, write_lines

LONG = {"hidden_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 512}
CHAT = {"conversations": {"mine": {"from": "chat.jsonl"}}}


def with_pairs(toy: Toy) -> str:
    said = list(texts(5, 90, sentences=1))
    rows = [
        {"prompt": a, "chosen": b, "rejected": c} for a, b, c in zip(said[::3], said[1::3], said[2::3], strict=True)
    ]
    write_lines(toy.folder / "pairs.jsonl", rows)
    small = {"context": 512, "batch": 1024, "pairs": {"mine": {"from": "pairs.jsonl", "license": "MIT"}}}
    return toy.recipe(dpo=small, sft={**CHAT, "context": 512}, model=LONG)


def test_preferences_come_after_conversations_and_what_follows_takes_them(toy: Toy, monkeypatch: MonkeyPatch) -> None:
    path, made = with_pairs(toy), made_by(monkeypatch)
    road = [stage.name for stage in build_road(RunFolder(load_recipe(path)[0]))]
    assert road[-5:] == ["select", "sft/chat", "dpo/chat", "evaluation", "release"]
    assert main(["sft", path]) == 0
    assert made[-1] == "sft/chat"
    assert main(["dpo", path]) == 0
    assert made[-1] == "dpo/chat" and made.count("sft/chat") == 1
    assert main(["run", path]) == 0
    run = Path("runs/toy")
    assert "/dpo/chat/" in load_any("toy").origin and load_any("toy").tuned
    assert "/pretrain/" in load_any("toy", base=True).origin
    measured = (run / "evaluation/evaluation.json").read_text(encoding="utf-8")
    assert all(f'"{model}"' in measured for model in ("pretrained", "tuned", "preferred"))
    page = (run / "report.html").read_text(encoding="utf-8")
    for words in ("<h2>Preferences</h2>", "share of pairs right", "loss, nats a pair", "<h2>Tuning</h2>", "MIT"):
        assert words in page
    assert main(["dpo", path, "--force"]) == 0
    assert made[-1] == "dpo/chat" and made.count("sft/chat") == 1


def test_tunings_of_several_names_share_a_pretraining_and_stay(toy: Toy, monkeypatch: MonkeyPatch) -> None:
    path, made = toy.recipe(), made_by(monkeypatch)
    assert main(["sft", path]) == 0
    before = len(made)
    assert main(["sft", path, "sft.name=brief", "sft.epochs=2"]) == 0
    assert made[before:] == ["sft/brief"], "all before it is fresh"
    assert "/sft/brief/" in load_any("toy").origin, "the one that the recipe names"
    assert "/sft/chat/" in load_any("runs/toy/sft/chat").origin
    assert main(["sft", path]) == 0
    assert len(made) == before + 1 and "/sft/chat/" in load_any("toy").origin


def test_what_is_learnt_is_shown_without_a_model(
    toy: Toy, capsys: CaptureFixture[str], monkeypatch: MonkeyPatch
) -> None:
    write_lines(toy.folder / "odd.jsonl", [{"messages": []}, {"question": "a", "answer": "b"}])
    sets = {"mine": {"from": "chat.jsonl"}, "odd": {"from": "odd.jsonl", "format": "messages"}}
    path, made = toy.recipe(sft={"conversations": sets, "context": 512}, model=LONG), made_by(monkeypatch)
    assert main(["sft", path, "--show-mask", "2"]) == 0
    assert made[-1] == "tokenizer"
    printed = capsys.readouterr().out
    assert "mine: chat.jsonl:1, " in printed and "mine: chat.jsonl:2, " in printed
    assert "odd: odd.jsonl:1 is left out: no message in it" in printed
    lines = printed.splitlines()
    learnt = [line for line in lines if line[5:8] == " * "]
    assert learnt and learnt[-1].endswith("<|im_end|>")
    assert "\x1b[" not in printed, "no terminal, no colours"


def test_a_recipe_without_the_section_is_refused(toy: Toy, capsys: CaptureFixture[str]) -> None:
    assert main(["dpo", toy.recipe()]) == 2
    assert "dpo: the recipe toy has no such section" in capsys.readouterr().err
    data = yaml.safe_load(Path(toy.recipe()).read_text())
    data.pop("sft")
    Path("bare.yaml").write_text(yaml.safe_dump(data))
    assert main(["sft", "bare.yaml", "--show-mask", "1"]) == 2
    assert "sft: {conversations:" in capsys.readouterr().err
