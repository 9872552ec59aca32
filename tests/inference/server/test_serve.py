"""`calame serve` as it is started: what it says, what it refuses to do, how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request
from pathlib import Path

from pytest import MonkeyPatch, fixture, mark

from builders import decoder_of, loaded_of
from calame.cli import main
from calame.inference import server
from calame.release.huggingface import export
from support import start


@fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "petit"
    export(loaded_of(decoder_of(max_position_embeddings=200)), folder, "float32")
    return folder


MISTAKES = [
    (["--host", "0.0.0.0"], "0.0.0.0 is reached from other machines, and no key is set"),
    (["--host", "nowhere.invalid"], "no key is set"),
    (["--context", "100000"], "--context: 100,000 tokens"),
    (["--host", "192.0.2.1", "--without-key"], "192.0.2.1:8000: "),  # an address that no machine here has
    (["--port", "70000"], "127.0.0.1:70000: "),
    (["--temperature", "-1"], "temperature: -1.0"),
]


@mark.parametrize(("options", "words"), MISTAKES)
def test_a_mistake_is_told_before_anything_is_served(folder: Path, capsys, options: list[str], words: str) -> None:
    assert main(["serve", str(folder), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken(folder: Path, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", str(folder), "--port", port]) == 2
    assert f"127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


@mark.parametrize("key", ("two words", "clé", "line\n"))
def test_a_key_that_no_header_carries(folder: Path, capsys, monkeypatch: MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("CALAME_API_KEY", key)
    assert main(["serve", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "the API key" in said and key not in said


def test_without_the_extra_it_says_which(folder: Path, capsys, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "uvicorn" else name)
    assert main(["serve", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "needs uvicorn" in said and "pip install 'calame[serve]'" in said


@mark.slow
def test_it_serves_until_it_is_interrupted(folder: Path) -> None:
    process = start(
        "serve", str(folder), "--port", "0", "--temperature", "0", "--slots", "3", "--limit", "9", cwd=folder
    )
    assert process.stdout
    told = ""
    while "Ctrl-C" not in told:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        told += line
    assert "as petit" in told and "3 side by side" in told and "each 9 tokens and 300 s at most, 200 tokens" in told
    found = re.search(r"(http://127.0.0.1:\d+)/v1", told)
    assert found
    body = json.dumps({"model": "petit", "messages": [{"role": "user", "content": "où ?"}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{found[1]}/v1/chat/completions", body), timeout=30) as answer:
        assert json.load(answer)["usage"]["completion_tokens"] <= 9
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out.strip(), err) == (0, "ended", "")
