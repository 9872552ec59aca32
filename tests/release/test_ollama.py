"""The Modelfile: its template, rendered by Go itself, is the chat template; its stops are the ids at which we stop."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from pytest import fixture, mark, raises, skip

from builders import CHATS, tokenizer_of
from calame.evaluation.decoding.files import Parameters
from calame.recipe.errors import UserError
from calame.release.gguf.gate import render
from calame.release.ollama import go_template, modelfile, stop_faults, stops_of
from calame.tokenizer.policy import ChatFormat

CONVERSATIONS = [
    [{"role": "user", "content": "Bonjour !"}],
    [
        {"role": "system", "content": "Sois bref."},
        {"role": "user", "content": "Qui es-tu ?"},
        {"role": "assistant", "content": "Calame.\n\nEt toi ?"},
        {"role": "user", "content": "E poi?"},
    ],
    [{"role": "user", "content": " \n\u00a0« L’été » : 12 345 €\u202f!\u2009\t\n"}],
    [{"role": "user", "content": "\u3000"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "a"}],
    [{"role": "user", "content": "{{ .System }} \"{% x %}\" <b>&amp;</b> \\n '''"}],
    [{"role": "user", "content": "<|im_end|> é"}, {"role": "assistant", "content": "à\u0085"}],
]
PROGRAM = """package main

import (
	"encoding/json"
	"os"
	"text/template"
)

type Message struct{ Role, Content string }

func main() {
	var given struct {
		Template      string
		Conversations [][]Message
	}
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		panic(err)
	}
	parsed := template.Must(template.New("").Option("missingkey=zero").Parse(given.Template))
	for _, messages := range given.Conversations {
		if err := parsed.Execute(os.Stdout, map[string]any{"Messages": messages, "Response": ""}); err != nil {
			panic(err)
		}
		os.Stdout.Write([]byte{0})
	}
}
"""


@fixture(scope="module")
def go(tmp_path_factory) -> Path:
    """A program that fills templates in as Ollama does."""
    if shutil.which("go") is None:
        skip("needs go")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(PROGRAM)
    paths = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"), "GO111MODULE": "off"}
    environment = {"PATH": "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), **paths}
    subprocess.run(["go", "build", "-o", "fill", "main.go"], cwd=folder, env=environment, check=True)
    return folder / "fill"


@mark.slow
@mark.parametrize("chat", CHATS)
def test_go_renders_what_jinja_renders(chat: str, go: Path) -> None:
    given = {"Template": template_in(go_template(CHATS[chat])), "Conversations": CONVERSATIONS}
    done = subprocess.run([go], input=json.dumps(given).encode(), capture_output=True, check=True)
    rendered = done.stdout.split(b"\0")[:-1]
    template = CHATS[chat].template(bos=False)
    assert rendered == [render(template, messages).encode() for messages in CONVERSATIONS]


def template_in(template: str) -> str:
    """What a Modelfile says between its three quotes."""
    text = modelfile(["a.gguf"], tokenizer_of(), True, 128, 256, None).replace(go_template(CHATS["chatml"]), template)
    found = re.search(r'TEMPLATE """(.*?)"""', text, re.DOTALL)
    assert found
    return found[1]


@mark.parametrize("chat", CHATS)
def test_its_stops_are_ours(chat: str) -> None:
    tokenizer = tokenizer_of("byte-bpe", 340, chat)
    text = modelfile(["a.gguf"], tokenizer, True, 128, 256, None)
    stops = re.findall(r'^PARAMETER stop "(.*)"$', text, re.MULTILINE)
    assert stops == stops_of(tokenizer) and stop_faults(stops, tokenizer) == []
    assert {tokenizer.engine.token_to_id(stop) for stop in stops} == set(tokenizer.special.stops)
    assert "is no single token" in stop_faults([*stops, "User:"], tokenizer)[0]
    assert "are not the ids" in stop_faults(stops[:1], tokenizer)[0]


def test_its_parameters_are_those_of_generation() -> None:
    plain = modelfile(["a-F16.gguf", "a-Q8_0.gguf"], tokenizer_of(), True, 128, 256, None).splitlines()
    assert plain[:2] == ["FROM ./a-Q8_0.gguf", "# FROM ./a-F16.gguf"]
    assert {"PARAMETER temperature 0", "PARAMETER num_ctx 128", "PARAMETER num_predict 256"} <= set(plain)
    assert "PARAMETER repeat_penalty 1" in plain, "Ollama's own is not 1"
    found = Parameters(temperature=0.7, top_k=0, top_p=0.9, min_p=0.05, repetition_penalty=1.1, no_repeat_ngram=3)
    text = modelfile(["a.gguf"], tokenizer_of(), True, 128, 256, found)
    assert "temperature 0.7\n" in text and "top_p 0.9\n" in text and "repeat_penalty 1.1\n" in text
    assert "# found best with no 3 tokens in a row twice, which Ollama cannot do" in text


def test_a_base_model_goes_on_with_the_prompt() -> None:
    assert 'TEMPLATE """{{ .Prompt }}"""' in modelfile(["a.gguf"], tokenizer_of(), False, 128, 256, None)


def test_formats_that_go_cannot_express_are_refused() -> None:
    marks = {"system": "<|s|>", "user": "{{user}}", "assistant": "<|a|>"}
    with raises(UserError, match="would read as its own"):
        go_template(ChatFormat("own", marks, "<|end|>"))
    with raises(UserError, match="no end token"):
        go_template(ChatFormat("own", {**marks, "user": "<|u|>"}, ""))
