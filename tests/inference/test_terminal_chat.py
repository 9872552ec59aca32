"""The chat at a real terminal: it streams, Ctrl-C stops an answer and not the program, the input's end leaves."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from pytest import mark

from builders import ScriptedModel, config_of, decoder_of, loaded_of, tokenizer_of
from calame.cli import main
from calame.inference.chat import chat
from calame.inference.decoding import Decoding
from calame.inference.engine import Engine
from calame.inference.sampling import Sampling
from calame.release.huggingface import export
from calame.tuning.formats import detect
from pseudo_terminal import CTRL_C, CTRL_D, PseudoTerminal

END = 5


PACE = 0.01  # seconds of a token


def at_a_terminal(*answers: list[int], context: int = 4096, limit: int = 2000) -> PseudoTerminal:
    """A chat in French with a model that answers so, one after the other."""
    loaded = loaded_of(ScriptedModel(answers, config_of(max_position_embeddings=context), PACE))

    def run() -> None:
        with Engine(loaded, slots=1) as engine:
            chat(engine, Decoding(Sampling(limit=limit)), ("fr", "recipe"))

    return PseudoTerminal(run)


def test_ctrl_c_stops_an_answer_and_not_the_program(tmp_path: Path) -> None:
    mer, lune = tokenizer_of().encode("mer "), tokenizer_of().encode("la lune")
    terminal = at_a_terminal(mer, [*lune, END], mer)
    terminal.wait_for("> ")
    terminal.type("que vois-tu ?\n")
    terminal.wait_for("mer mer mer mer")  # it streams: the whole answer takes twenty seconds
    terminal.type(CTRL_C)
    terminal.wait_for("(arrêté)")
    assert "mer mer" not in terminal.wait_for("> ", 2), "nothing is said after that"
    terminal.type("et la nuit ?\n")
    terminal.wait_for("la lune")
    terminal.wait_for("> ")
    terminal.type("à moitié")
    terminal.wait_for("à moitié")  # readline has it: else Ctrl-C takes it from under readline, which waits for it
    terminal.interrupt("(Ctrl-D ou /quit termine)")
    terminal.wait_for("> ")
    terminal.type(f"/save {tmp_path}/talk.jsonl\n")
    terminal.wait_for("Gardé dans")
    terminal.wait_for("> ")
    terminal.type(CTRL_D)
    assert terminal.leave() == 0 and "Au revoir." in terminal.seen
    row = json.loads((tmp_path / "talk.jsonl").read_text(encoding="utf-8"))
    contents = [message["content"] for message in row["messages"]]
    assert contents[::2] == ["que vois-tu ?", "et la nuit ?"] and contents[3] == "la lune"
    assert contents[1].startswith("mer mer mer mer") and len(contents[1]) < 1000
    assert detect(row) == "messages", "tuning reads it"


def test_ctrl_c_before_the_first_token_leaves_the_question_to_be_tried_again() -> None:
    class Thinking(ScriptedModel):
        def __call__(self, *given: Any, **named: Any) -> torch.Tensor:
            time.sleep(0 if self.asked else 4)
            return super().__call__(*given, **named)

    lune = tokenizer_of().encode("la lune")
    loaded = loaded_of(Thinking([[*lune, END]], config_of(max_position_embeddings=4096)))

    def run() -> None:
        with Engine(loaded, slots=1) as engine:
            chat(engine, Decoding(Sampling(limit=20)), ("en", "asked"))

    terminal = PseudoTerminal(run)
    terminal.wait_for("> ")
    terminal.type("quoi ?\n")
    time.sleep(1)
    terminal.type(CTRL_C)
    terminal.wait_for("(stopped)")
    terminal.wait_for("> ")
    terminal.type("/retry\n")
    terminal.wait_for("la lune")
    terminal.wait_for("> ")
    terminal.type("/quit\n")
    assert terminal.leave() == 0


def test_several_lines_are_one_message() -> None:
    terminal = at_a_terminal([*tokenizer_of().encode("la mer"), END])
    terminal.wait_for("> ")
    terminal.type('"""\n')
    terminal.wait_for("… ")
    terminal.type("/reset\n")
    terminal.wait_for("… ")
    terminal.type('fin"""\n')
    terminal.wait_for("la mer")
    terminal.wait_for("> ")
    terminal.type(CTRL_D)
    assert terminal.leave() == 0
    assert "Conversation oubliée" not in terminal.seen, "in several lines nothing is a command"


@mark.slow
def test_the_verb_at_a_terminal(tmp_path: Path) -> None:
    """A random model's folder, its greedy answer without end; its own generation configuration is taken and said."""
    export(loaded_of(decoder_of(3, max_position_embeddings=4096)), tmp_path / "model", "float32")
    file = tmp_path / "model" / "generation_config.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**written, "max_new_tokens": 3000, "repetition_penalty": 1.05}), encoding="utf-8")
    terminal = PseudoTerminal(lambda: main(["chat", str(tmp_path / "model"), "--device", "cpu", "--language", "it"]))
    said = terminal.wait_for("> ", 60)
    assert "temperature 0, limit 3000, repetition_penalty 1.05" in said and "generation_config.json" in said
    terminal.type("ciao\n")
    time.sleep(1)
    terminal.type(CTRL_C)
    terminal.wait_for("(fermato)")
    terminal.wait_for("> ")
    terminal.type(CTRL_D)
    assert terminal.leave() == 0 and "Arrivederci." in terminal.seen
