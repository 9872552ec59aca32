"""What cannot be answered is refused with what is allowed; nothing makes the server fail."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import openai
from pytest import MonkeyPatch, fixture, mark, raises

from builders import decoder_of, loaded_of
from calame.inference.sampling import Sampling
from calame.inference.server import guard
from serving import Site, said, serving

USER = said("user", "où ?")
CHAT = "/v1/chat/completions"


@fixture(scope="module")
def site() -> Iterator[Site]:
    with serving(loaded_of(decoder_of(max_position_embeddings=200)), body=20_000) as site:
        yield site


ORDERS = [
    ([said("bot", "a")], "messages.0.role: unknown (allowed: system, user, assistant)"),
    ([said("assistant", "a"), USER], "messages.0.role: assistant first (allowed: system or user)"),
    ([USER, USER], "messages.1.role: user after user (allowed: assistant)"),
    ([USER, said("system", "a"), USER], "messages.1.role: system after user (allowed: assistant)"),
    ([USER, said("assistant", "a")], "messages.1.role: assistant last (allowed: user)"),
    ([said("user", " \n")], "messages.0.content: empty (allowed: a text)"),
    ([said("user", [])], "messages.0.content: empty"),
    ([USER, said("tool", "a")], "messages.1.role: unknown"),
]


@mark.parametrize(("messages", "words"), ORDERS)
def test_conversations_that_a_chat_cannot_have(site: Site, messages: list[dict[str, Any]], words: str) -> None:
    status, found, _ = site.chat(*messages)
    assert status == 400 and words in found["error"]["message"]
    assert found["error"]["type"] == "invalid_request_error" and found["error"]["param"] in words


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"temperature": -1}, "temperature: Input should be greater than or equal to 0"),
    ({"temperature": "1"}, "temperature: Input should be a valid number"),
    ({"top_p": 0}, "top_p: Input should be greater than 0"),
    ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    ({"max_tokens": 61}, "max_tokens: 61 (allowed: at most 60 here)"),
    ({"max_completion_tokens": 61}, "max_completion_tokens: 61 (allowed: at most 60 here)"),
    ({"n": 2}, "n: not supported here (allowed: 1)"),
    ({"tools": [{"type": "function"}]}, "tools: not supported here (allowed: [])"),
    ({"response_format": {"type": "json_object"}}, "response_format: not supported here (allowed: {'type': 'text'})"),
    ({"logit_bias": {"5": 1}}, "logit_bias: not supported here"),
    ({"frequency_penalty": 0.5}, "frequency_penalty: not supported here (allowed: 0)"),
    ({"top_logprobs": 21}, "top_logprobs: Input should be less than or equal to 20"),
    ({"top_logprobs": 2}, "top_logprobs: needs logprobs: true"),
    ({"stop": ["a"] * 17}, "stop"),
    ({"tempperature": 1}, "tempperature: no such field here"),
    ({"messages": []}, "messages: List should have at least 1 item"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [said("user", [{"type": "image_url", "image_url": {"url": "x"}}])]}, "messages.0.content"),
]


@mark.parametrize(("fields", "words"), FIELDS)
def test_fields_that_make_no_sense_or_are_not_supported(site: Site, fields: dict[str, Any], words: str) -> None:
    status, found, _ = site.ask("POST", CHAT, {"model": "essai", "messages": [USER], **fields})
    assert status == 400 and words in found["error"]["message"]


def test_all_that_is_wrong_is_told_at_once(site: Site) -> None:
    _, found, _ = site.chat(said("bot", ""), temperature=-1, n=3)
    assert all(words in found["error"]["message"] for words in ("temperature: ", "n: "))
    _, found, _ = site.chat(said("bot", ""), said("assistant", "a"))
    assert found["error"]["message"].count("messages.") == 3


def test_what_clients_send_always_is_no_fault(site: Site) -> None:
    always = {"n": 1, "presence_penalty": 0, "logit_bias": {}, "tools": [], "response_format": {"type": "text"}}
    always |= {"user": "moi", "stop": None, "stream": False, "metadata": {}, "max_tokens": 2, "frequency_penalty": 0.0}
    assert site.chat(USER, **always)[0] == 200


HALF = b'{"model": "essai", "prompt": "\\ud800"}'  # of a character
BROKEN = [b"", b"{", b"null", b"[" * 5000, b"\xff\xfe", HALF]


@mark.parametrize("body", BROKEN)
@mark.parametrize("path", (CHAT, "/v1/completions"))
def test_bad_json_is_the_clients_fault(site: Site, body: bytes, path: str) -> None:
    status, found, _ = site.ask("POST", path, body)
    assert status == 400 and found["error"]["message"].startswith("body: ")


@mark.parametrize("prompt", ("", [], [330], [-1], ["a", "b"], [True], 5))
def test_prompts_that_are_none(site: Site, prompt: Any) -> None:
    """An empty text is one: it begins with BOS."""
    status, found, _ = site.ask("POST", "/v1/completions", {"model": "essai", "prompt": prompt, "max_tokens": 2})
    assert status == (200 if prompt == "" else 400), found


def test_a_prompt_longer_than_the_context_is_refused_with_the_limit(site: Site) -> None:
    for path, field, value in (
        (CHAT, "messages", [said("user", "mer " * 300)]),
        ("/v1/completions", "prompt", "mer " * 300),
        ("/v1/completions", "prompt", [5] * 200),
    ):
        status, found, _ = site.ask("POST", path, {"model": "essai", field: value})
        assert status == 400 and found["error"]["code"] == "context_length_exceeded"
        assert found["error"]["param"] == field and "at most 199" in found["error"]["message"]
    filled = site.ask("POST", "/v1/completions", {"model": "essai", "prompt": [5] * 199})[1]
    assert filled["choices"][0]["finish_reason"] == "length" and filled["usage"]["completion_tokens"] == 1


def test_a_body_over_the_limit_is_413_declared_or_not(site: Site) -> None:
    status, found, _ = site.ask("POST", CHAT, b" " * 20_001)
    assert status == 413 and "at most 20,000 bytes" in found["error"]["message"]

    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.request("POST", CHAT, iter([b" " * 1000] * 21))
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_does_not_come(site: Site, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "READING", 0.1)
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    connection.putrequest("POST", CHAT)
    connection.putheader("Content-Length", "100")
    connection.endheaders()
    connection.send(b'{"model"')
    response = connection.getresponse()
    assert response.status == 408 and b"not there after 0.1 s" in response.read()
    connection.close()


def test_unknown_models_paths_and_methods(site: Site) -> None:
    with raises(openai.NotFoundError) as error:
        site.client().chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "a"}])
    assert error.value.code == "model_not_found" and "essai" in error.value.message
    assert site.ask("GET", "/v1/embeddings")[0] == 404
    assert site.ask("GET", "/../../etc/passwd")[0] == 404
    assert site.ask("GET", "/page/../app.py")[0] == 404
    status, found, headers = site.ask("GET", CHAT)
    assert (status, headers["allow"]) == (405, "POST") and "POST" in found["error"]["message"]


def test_a_key_is_asked_for_and_never_told() -> None:
    with serving(loaded_of(decoder_of()), key="s3cret", sampling=Sampling(limit=3)) as site:
        for key in ("wrong", "s3cre", "s3cret2"):
            with raises(openai.AuthenticationError) as error:
                list(site.client(key).models.list())
            assert "s3cret" not in error.value.message
        for path in ("/v1/models", "/metrics"):
            status, found, headers = site.ask("GET", path)
            assert status == 401 and headers["www-authenticate"] == "Bearer"
            assert found["error"]["code"] == "invalid_api_key"
        assert site.chat(USER)[0] == 401
        assert site.client("s3cret").chat.completions.create(model="essai", messages=[{"role": "user", "content": "a"}])
        assert site.ask("GET", "/health")[0] == site.ask("GET", "/")[0] == 200
        assert site.ask("GET", "/v1/models", Authorization="Bearer s3cret", Host="calame.example")[0] == 200
        assert site.ask("GET", "/v1/models", Authorization="Bearer clé")[0] == 401


def test_without_a_key_other_names_of_this_machine_are_refused(site: Site) -> None:
    """A page of the web may have its name mean 127.0.0.1."""
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""):
        assert site.ask("GET", "/v1/models", Host=host)[0] == 403, host
    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:80"):
        assert site.ask("GET", "/v1/models", Host=host)[0] == 200, host


def test_a_model_without_chat_tokens_goes_on_from_texts() -> None:
    loaded = loaded_of(decoder_of(vocab_size=5))
    with serving(loaded) as site:
        status, found, _ = site.chat(USER)
        assert status == 400 and "no chat tokens" in found["error"]["message"]
        assert site.ask("GET", "/v1/models")[1]["data"][0]["converses"] is False
        assert site.ask("POST", "/v1/completions", {"model": "essai", "prompt": [2, 3], "max_tokens": 2})[0] == 200
