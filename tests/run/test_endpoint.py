"""The client of OpenAI-compatible endpoints, against one of our own that also lies, hangs and refuses."""

import threading
import time
from pathlib import Path

import pytest

from calame.recipe.errors import UserError
from calame.run.endpoint import FAULTS_IN_A_ROW, Endpoint, Model
from calame.run.http import Patience, retry_after
from web import Reply, completion, models, web

QUICK = Patience(attempts=3, first=0.01, most=0.02)


def ask(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def open_endpoint(url: str, cache: Path | None = None, **changes) -> Endpoint:
    return Endpoint(Model(f"{url}/v1", "m", **{"timeout": 5.0, **changes}), cache, QUICK)


def test_a_question_is_sent_as_the_protocol_says_and_its_answer_read(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    with web(lambda asked: completion("Bonjour.")) as site:
        endpoint = open_endpoint(site.url, key_variable="MY_KEY", temperature=0.5, max_tokens=9)
        answer = endpoint.ask(ask("Salut"), seed=3)
    assert (answer.text, answer.fault, answer.tokens) == ("Bonjour.", "", 7)
    (asked,) = site.asked
    assert asked.path == "/v1/chat/completions" and asked.headers["authorization"] == "Bearer secret"
    expected = {"model": "m", "messages": ask("Salut"), "temperature": 0.5, "max_tokens": 9, "seed": 3, "stream": False}
    assert asked.json == expected


def test_what_was_answered_is_not_asked_again_and_any_change_of_the_request_is(tmp_path):
    with web(lambda asked: completion(f"{len(asked.json['messages'])}, {asked.json.get('seed')}")) as site:
        for _ in range(2):
            with open_endpoint(site.url, tmp_path / "cache.jsonl") as endpoint:
                assert endpoint.ask(ask("a"), 1).text == "1, 1"
                assert endpoint.ask(ask("a"), 2).text == "1, 2"
        with open_endpoint(site.url, tmp_path / "cache.jsonl", temperature=1.0) as endpoint:
            assert not endpoint.ask(ask("a"), 1).cached
        with open_endpoint(site.url, tmp_path / "cache.jsonl") as endpoint:
            assert endpoint.ask(ask("a"), 1).cached and endpoint.asked == 0
    assert len(site.asked) == 3


def test_a_cache_whose_last_line_was_cut_off_gives_the_rest(tmp_path):
    cache = tmp_path / "cache.jsonl"
    with web(lambda asked: completion("oui")) as site:
        with open_endpoint(site.url, cache) as endpoint:
            endpoint.ask(ask("a"))
            endpoint.ask(ask("b"))
        cache.write_bytes(cache.read_bytes()[:-10])
        with open_endpoint(site.url, cache) as endpoint:
            assert endpoint.ask(ask("a")).cached and not endpoint.ask(ask("b")).cached
        with open_endpoint(site.url, cache) as endpoint:
            assert endpoint.ask(ask("a")).cached and endpoint.ask(ask("b")).cached


def test_the_key_is_never_written_nor_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    refused = Reply(b"bad key sk-very-secret", 401)
    with (
        web(lambda asked: completion("oui") if len(site.asked) < 2 else refused) as site,
        open_endpoint(site.url, tmp_path / "c", key_variable="MY_KEY") as endpoint,
    ):
        endpoint.ask(ask("a"))
        with pytest.raises(UserError) as error:
            endpoint.ask(ask("b"))
    assert "sk-very" not in str(error.value) + capsys.readouterr().out + (tmp_path / "c").read_text()
    assert "the key in MY_KEY was refused" in str(error.value)


def test_answers_come_in_the_order_of_the_questions_several_asked_at_once():
    together, most, lock = 0, 0, threading.Lock()

    def answer(asked):
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        number = int(asked.json["messages"][0]["content"])
        time.sleep(0.03 if number % 3 == 0 else 0)
        with lock:
            together -= 1
        return completion(str(number))

    with web(answer) as site:
        endpoint = open_endpoint(site.url, at_once=4)
        answers = list(endpoint.ask_all((n, ask(str(n)), None) for n in range(30)))
    assert [(n, a.text) for n, a in answers] == [(n, str(n)) for n in range(30)]
    assert 1 < most <= 4


def test_an_endpoint_without_end_is_asked_no_further_than_is_looked_at():
    with web(lambda asked: completion("oui")) as site:
        endpoint = open_endpoint(site.url, at_once=2)
        answers = endpoint.ask_all((n, ask(str(n)), None) for n in iter(int, 1))
        next(answers)
        answers.close()
        assert len(site.asked) <= 6
        assert endpoint.ask(ask("again")).text == "oui"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_and_not_before_it_said(status):
    times = []

    def answer(asked):
        times.append(time.monotonic())
        return Reply(b"busy", status, {"Retry-After": "1"}) if len(times) == 1 else completion("oui")

    with web(answer) as site:
        assert open_endpoint(site.url).ask(ask("a")).text == "oui"
    assert times[1] - times[0] >= 1


def test_retry_after_may_be_a_date():
    assert retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert retry_after("120") == 120 and retry_after("soon") == 0 and retry_after(None) == 0
    assert retry_after("Fri, 31 Dec 2199 23:59:59 GMT") > 1e9


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"<html>oops</html>"), "not a chat completion: <html>oops</html>"),
        (Reply(b""), "nothing at all"),
        (Reply(b'{"choices": []}'), "not a chat completion"),
        (Reply(b'{"error": {"message": "overloaded"}}'), "overloaded"),
        (Reply(b"\xff\xfe\x00"), "not a chat completion"),
        (Reply(b"[1]"), "not a chat completion"),
        (completion("   "), "an empty answer"),
        (completion("\ud800"), "lone surrogates"),
        (Reply(b"the prompt is too long", 400), "400 Bad Request: the prompt is too long"),
        (Reply(b"out of memory", 500), "500 Internal Server Error: out of memory"),
    ],
)
def test_garbage_is_a_fault_of_the_one_answer_and_is_not_kept(tmp_path, reply, words):
    with web(lambda asked: reply) as site, open_endpoint(site.url, tmp_path / "c") as endpoint:
        answer = endpoint.ask(ask("a"))
    assert answer.text == "" and words in answer.fault
    assert (tmp_path / "c").read_bytes() == b""


def test_garbage_again_and_again_is_the_endpoints_fault():
    with web(lambda asked: Reply(b"<html>")) as site:
        endpoint = open_endpoint(site.url)
        with pytest.raises(UserError, match=f"{FAULTS_IN_A_ROW} requests in a row had no usable answer"):
            list(endpoint.ask_all((n, ask(str(n)), None) for n in range(100)))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(b"", 401), "a request without a key was refused"),
        (Reply(b"no such model", 404), "no model 'm' here"),
        (Reply(b"slow down", 429, {"Retry-After": "0"}), "too many requests, again and again"),
        (Reply(b"", 429, {"Retry-After": "86400"}), "too many requests"),
    ],
)
def test_what_no_other_question_would_mend_is_the_users_to_know(reply, words):
    with web(lambda asked: reply) as site, pytest.raises(UserError, match=words):
        open_endpoint(site.url).ask(ask("a"))


def test_an_endpoint_that_hangs_is_given_up_in_time():
    hold = threading.Event()

    def answer(asked):
        hold.wait(10)
        return completion("too late")

    with web(answer) as site:
        began = time.monotonic()
        with pytest.raises(UserError, match="no answer in time"):
            open_endpoint(site.url, timeout=0.2).ask(ask("a"))
        assert time.monotonic() - began < 5
        hold.set()


def test_nobody_there_a_key_refused_and_a_model_misspelt_are_known_before_the_first_question():
    with web(lambda asked: models("llama3:latest", "qwen3:8b")) as site:
        Endpoint(Model(f"{site.url}/v1", "qwen3:8b")).check()
        Endpoint(Model(f"{site.url}/v1/", "llama3")).check()
        with pytest.raises(UserError, match="did you mean qwen3:8b"):
            Endpoint(Model(f"{site.url}/v1", "qwen3:8")).check()
    with pytest.raises(UserError, match="start the server"):
        Endpoint(Model(f"{site.url}/v1", "m")).check()
    with web(lambda asked: Reply(status=403)) as site, pytest.raises(UserError, match="refused"):
        Endpoint(Model(f"{site.url}/v1", "m")).check()
    with web(lambda asked: Reply(b"<html>")) as site:
        Endpoint(Model(f"{site.url}/v1", "m")).check()  # not every endpoint lists its models
    with pytest.raises(UserError, match="not an address of the web"):
        Endpoint(Model("file:///etc", "m")).check()
    with pytest.raises(UserError, match="the environment has no NO_SUCH_KEY"):
        Endpoint(Model("http://x/v1", "m", key_variable="NO_SUCH_KEY"))


def test_the_budget_bounds_what_is_newly_asked(tmp_path):
    with web(lambda asked: completion("oui")) as site:
        with (
            open_endpoint(site.url, tmp_path / "c", most_requests=2, at_once=1) as endpoint,
            pytest.raises(UserError, match="2 requests were made, as many as were allowed"),
        ):
            list(endpoint.ask_all((n, ask(str(n)), None) for n in range(3)))
        with open_endpoint(site.url, tmp_path / "c", most_requests=1, at_once=1) as endpoint:
            assert len(list(endpoint.ask_all((n, ask(str(n)), None) for n in range(3)))) == 3
    assert len(site.asked) == 3


def test_a_key_is_not_told_to_another_host(monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    with web(lambda asked: models("m")) as other:
        moved = other.url.replace("127.0.0.1", "localhost")
        with web(lambda asked: Reply(status=302, headers={"Location": f"{moved}/v1/models"})) as site:
            Endpoint(Model(f"{site.url}/v1", "m", key_variable="MY_KEY")).check()
    assert "authorization" in site.asked[0].headers and "authorization" not in other.asked[0].headers
