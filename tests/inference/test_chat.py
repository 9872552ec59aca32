"""What the chat does: history, commands, a full context; its words in three languages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

from pytest import CaptureFixture, MonkeyPatch, mark, raises

from builders import ScriptedModel, config_of, decoder_of, loaded_of, tokenizer_of
from calame.inference.chat import chat, check_chat
from calame.inference.chat_commands import ALLOWED
from calame.inference.chat_language import choose_language
from calame.inference.chat_texts import TEXTS
from calame.inference.conversation import Conversation
from calame.inference.decoding import Decoding
from calame.inference.engine import Engine
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.inference.terminal import Terminal
from calame.recipe.errors import UserError

END = 5


class Typed(Terminal):
    """A terminal at which these lines are typed, and which remembers what was shown."""

    def __init__(self, lines: list[str]):
        super().__init__()
        self.lines, self.notes, self.answers = iter(lines), list[str](), list[str]()

    def _line(self, prompt: str) -> str | None:
        return next(self.lines, None)

    def write(self, text: str) -> None:
        if text == "\n" or not text:
            self.answers.append("")
        else:
            self.answers[-1:] = [(self.answers or [""])[-1] + text]

    def note(self, text: str) -> None:
        self.notes.append(text)


def says(*answers: str, context: int = 4096) -> Loaded:
    """A model that gives these answers by turns, each to its end token."""
    scripts = [[*tokenizer_of().encode(answer), END] for answer in answers]
    return loaded_of(ScriptedModel(scripts, config_of(max_position_embeddings=context)))


def talk(loaded: Loaded, *lines: str, language: str = "en", **sampling: Any) -> Typed:
    terminal = Typed(list(lines))
    with Engine(loaded, slots=1) as engine:
        chat(engine, Decoding(Sampling(**{"limit": 50, **sampling})), (language, "asked"), terminal)
    return terminal


def read_by(loaded: Loaded) -> list[list[int]]:
    """The prompts that were read: passes of more than a token."""
    return [ids for ids in loaded.model.read if len(ids) > 1]  # type: ignore[union-attr]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def test_it_is_asked_with_all_that_was_said_before() -> None:
    loaded = says("la mer", "la lune")
    found = talk(loaded, "où ?", "", "et puis ?")
    assert [answer for answer in found.answers if answer] == ["la mer", "la lune"]
    chats = [[user("où ?")], [user("où ?"), assistant("la mer"), user("et puis ?")]]
    assert read_by(loaded) == [loaded.tokenizer.chat(messages) for messages in chats]


def test_system_and_reset() -> None:
    loaded = says("oui")
    found = talk(loaded, "/system Sois bref.", "a", "/reset", "b", "/system -", "/system", "c")
    chats = [
        [system("Sois bref."), user("a")],
        [system("Sois bref."), user("b")],
        [user("b"), assistant("oui"), user("c")],
    ]
    assert read_by(loaded) == [loaded.tokenizer.chat(messages) for messages in chats]
    assert "System message: Sois bref." in found.notes and found.notes.count("No system message.") == 2


def test_retry_asks_the_last_question_again_with_other_numbers(monkeypatch: MonkeyPatch) -> None:
    seeds: list[int] = []
    submit = Engine.submit
    monkeypatch.setattr(Engine, "submit", lambda s, r, t: seeds.append(r.sampling.seed) or submit(s, r, t))
    loaded = says("un", "deux", "trois")
    found = talk(loaded, "/retry", "a", "/retry", "b", temperature=0.5, seed=7)
    assert found.notes.count("Nothing has been asked yet.") == 1
    chats = [[user("a")], [user("a")], [user("a"), assistant("deux"), user("b")]]
    assert read_by(loaded) == [loaded.tokenizer.chat(messages) for messages in chats]
    assert seeds == [7, 8, 9]
    assert any("the answer will be the same" in note for note in talk(says("un"), "a", "/retry").notes)


def test_set_shows_changes_and_refuses() -> None:
    lines = ("/set top_k 7", "/set temperature 0,5", "/set limit 3", "/set top_p 2", "/set top_k x", "/set mood 3", "a")
    found = talk(says("la mer et le soleil et la lune"), *lines, "/set", temperature=1.0)
    assert found.notes[-2] == "temperature 0.5, top_k 7, seed 0, limit 3"
    assert "top_p: 2 will not do. Allowed: 0 < p ≤ 1" in found.notes
    assert "top_k: x will not do. Allowed: ≥ 0" in found.notes
    assert any(note.startswith("mood: cannot be set. What can: temperature, top_k") for note in found.notes)
    assert "(stopped at 3 tokens; /set limit N for more)" in found.notes


def test_every_value_of_a_sampling_can_be_set() -> None:
    assert set(ALLOWED) == set(Sampling.__dataclass_fields__)


def test_save_writes_what_was_said_and_never_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "talk.jsonl"
    (tmp_path / "there").write_text("mine")
    lines = (f"/save {path}", "/system Sois bref.", "a", "/save", f"/save {tmp_path / 'there'}", f"/save {path}")
    found = talk(says("la mer"), *lines, "/save /proc/talk.json")
    row = json.loads(path.read_text(encoding="utf-8"))
    assert row["messages"] == [system("Sois bref."), user("a"), assistant("la mer")]
    assert row["decoding"] == "temperature 0, limit 50"
    assert (tmp_path / "there").read_text() == "mine"
    for wanted in ("Nothing has been asked yet.", "/save FILE: which file?", f"{tmp_path / 'there'} is there already"):
        assert any(note.startswith(wanted) for note in found.notes)
    assert any(note.startswith("/proc/talk.json: cannot be written") for note in found.notes)


def test_unknown_commands_help_and_a_message_that_looks_like_one() -> None:
    loaded = says("oui")
    found = talk(loaded, "/sytem x", "/help", " /tmp est plein", "/quit", "never read")
    assert any(note.startswith("/sytem: unknown command.") for note in found.notes)
    assert TEXTS["en"]["help"] in found.notes
    assert read_by(loaded) == [loaded.tokenizer.chat([user("/tmp est plein")])]


def test_the_oldest_exchanges_are_left_out_when_the_context_is_full_and_it_is_said(tmp_path: Path) -> None:
    loaded = says("la lune", context=200)
    lines = [f"et la mer numéro {number} ?" for number in range(12)]
    found = talk(loaded, "/system Sois bref.", *lines, f"/save {tmp_path / 'talk.jsonl'}", language="fr")
    last = read_by(loaded)[-1]
    text = loaded.tokenizer.decode(last)
    assert len(last) <= 150, "a quarter is left for the answer"
    assert text.startswith("system\nSois bref.") and "numéro 11" in text and "numéro 0" not in text
    told = [note for note in found.notes if "ne voit plus" in note]
    numbers = [int(match[1]) for note in told if (match := re.search(r"plus : (\d+)", note))]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1, "each time that more are left out"
    row = json.loads((tmp_path / "talk.jsonl").read_text(encoding="utf-8"))
    assert len(row["messages"]) == 25, "nothing of the talk itself is lost"


def test_a_message_that_does_not_fit_is_not_sent_and_forgotten() -> None:
    loaded = says("la mer", context=64)
    found = talk(loaded, "mer " * 200, "où ?")
    (told,) = [note for note in found.notes if note.startswith("Too long")]
    assert "the context has 64" in told
    assert read_by(loaded) == [loaded.tokenizer.chat([user("où ?")])]


def test_an_answer_that_fills_the_context_says_so() -> None:
    loaded = says("la mer " * 100, context=64)
    assert "(the context of 64 tokens is full)" in talk(loaded, "où ?", limit=500).notes


def test_an_empty_answer_is_said_and_leaves_the_question_open() -> None:
    loaded = loaded_of(ScriptedModel([[END], [*tokenizer_of().encode("la mer"), END]], config_of()))
    found = talk(loaded, "où ?", "quand ?")
    assert "(the model said nothing)" in found.notes
    assert read_by(loaded)[-1] == loaded.tokenizer.chat([user("quand ?")])


def test_the_end_of_input_leaves_and_ends_a_block_of_lines_too() -> None:
    loaded = says("oui")
    assert talk(loaded, "a").notes[-1] == "Goodbye."
    assert talk(loaded, '"""', "b").notes[-1] == "Goodbye."
    assert len(read_by(loaded)) == 2


@mark.parametrize(
    ("lines", "message"),
    [
        (['"""', "a", "", "b", '"""'], "a\n\nb"),
        (['"""a', 'b"""'], "a\nb"),
        (['"""a"""'], "a"),
        (['"""', "/reset", '"""'], "/reset"),
    ],
    ids=str,
)
def test_three_quotes_hold_several_lines(lines: list[str], message: str) -> None:
    loaded = says("oui")
    talk(loaded, *lines)
    assert read_by(loaded) == [loaded.tokenizer.chat([user(message)])]


def test_what_is_said_at_the_beginning() -> None:
    loaded = says("oui")
    loaded.tuned = False
    terminal = Typed([])
    decoding = Decoding(Sampling(0.7, top_k=20, seed=4), "x/generation_config.json", ("temperature", "seed"))
    with Engine(loaded, slots=1) as engine:
        chat(engine, decoding, ("fr", "locale"), terminal)
    assert terminal.notes[1] == "Langue de l’interface : français (de ce terminal) ; une autre par --language."
    assert terminal.notes[2].startswith("Ce modèle n’a pas appris à converser")
    said = "temperature 0.7, top_k 20, seed 4, limit 128"
    reason = "recommandé par x/generation_config.json; temperature, seed : comme demandé"
    assert terminal.notes[3] == f"Décodage : {said} ({reason})."


def test_a_pipe_gets_answers_alone(monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> None:
    lines: Iterator[str] = iter(["où ?"])

    def typed(prompt: str) -> str:
        assert prompt == ""
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    with Engine(says("la mer"), slots=1) as engine:
        chat(engine, Decoding(Sampling(limit=50)), ("it", "asked"))
    shown = capsys.readouterr()
    assert shown.out == "la mer\n"
    assert "Arrivederci." in shown.err


def test_bytes_that_are_no_text_are_read_as_their_mark(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "m\udce9r \udcff é")
    assert Terminal().read() == "m\ufffdr \ufffd é"


def test_what_would_change_the_terminal_is_shown_and_not_obeyed(capsys: CaptureFixture[str]) -> None:
    Terminal().write("a\x1b[2Jb\tc\nd\x07\x9b")
    assert capsys.readouterr().out == "a␛[2Jb\tc\nd␇\ufffd"


def test_a_model_without_chat_tokens_is_refused() -> None:
    """A foreign model whose tokenizer gained them only here."""
    check_chat(loaded_of(decoder_of()))
    with raises(UserError, match="chat tokens"):
        check_chat(loaded_of(decoder_of(vocab_size=5)))


def test_a_model_that_never_learnt_to_converse_goes_on_from_each_message() -> None:
    loaded = says("oui", "non")
    loaded.tuned = False
    found = talk(loaded, "la mer", "la lune", language="fr")
    assert any(note.startswith("Ce modèle n’a pas appris à converser") for note in found.notes)
    assert read_by(loaded) == [loaded.tokenizer.prompt(text) for text in ("la mer", "la lune")]


def test_the_three_languages_say_the_same() -> None:
    def places(text: str) -> list[str]:
        return sorted(field for _, field, _, _ in Formatter().parse(text) if field)

    for texts in TEXTS.values():
        assert {key: places(text) for key, text in texts.items()} == {
            key: places(text) for key, text in TEXTS["en"].items()
        }


def test_the_language_is_the_first_that_is_known(tmp_path: Path) -> None:
    recipe, card = tmp_path / "recipe.yaml", tmp_path / "README.md"
    italian = {"LANG": "it_IT.UTF-8", "LC_ALL": ""}
    assert choose_language(None, tmp_path, {}) == ("en", "fallback")
    assert choose_language(None, tmp_path, {"LC_ALL": "C", "LANG": "it_IT"}) == ("en", "fallback")
    assert choose_language(None, tmp_path, italian) == ("it", "locale")
    card.write_text("---\nlanguage:\n- en\n- fr\n---\n# A model\n")
    assert choose_language(None, tmp_path, italian) == ("en", "card")
    recipe.write_text("languages: [de, fr, it]\n")
    assert choose_language(None, tmp_path, italian) == ("fr", "recipe")
    assert choose_language("en", tmp_path, italian) == ("en", "asked")
    recipe.write_text(": : :\n- x")
    card.write_text("# no header\n")
    assert choose_language(None, tmp_path, italian) == ("it", "locale")


def test_a_question_is_replaced_until_it_is_answered() -> None:
    conversation = Conversation()
    conversation.ask("a")
    conversation.answer("  ")
    conversation.ask("b")
    assert conversation.messages == [user("b")]
    conversation.answer("c")
    assert conversation.take_back() and conversation.messages == [user("b")]
    conversation.drop()
    assert not conversation.messages and not conversation.take_back()
