"""The engine: what each request gets is its own, whoever else comes and goes; and it ends cleanly."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from pytest import MonkeyPatch, approx, fixture, mark, raises

from builders import ScriptedModel, config_of, decoder_of, loaded_of, tokenizer_of
from calame.inference import batch
from calame.inference.engine import Busy, Closed, Engine, Piece
from calame.inference.generate import complete
from calame.inference.load import Loaded
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream


@fixture(scope="module")
def loaded() -> Loaded:
    return loaded_of(decoder_of())


def endless() -> Loaded:
    """Says one word as long as it may."""
    return loaded_of(ScriptedModel([tokenizer_of().encode("mer ")], config_of(max_position_embeddings=4096)))


def request_of(loaded: Loaded, prompt: list[int], sampling: Sampling, *stops: str, **others: Any) -> Request:
    return Request.of(loaded, prompt, sampling, stream=TextStream(loaded.tokenizer, stops), **others)


def whole(pieces: list[Piece]) -> tuple[list[int], str, str | None]:
    return [i for p in pieces for i in p.ids], "".join(p.text for p in pieces), pieces[-1].finish


def various(number: int) -> tuple[list[int], Sampling]:
    prompt = [2, *range(10 + number, 11 + number + number % 9)]
    kinds = (Sampling(limit=25), Sampling(0.9, 30, 0.9, number, 20), Sampling(limit=15, repetition_penalty=1.3))
    return prompt, kinds[number % 3]


@mark.parametrize("slots", (2, 8))
def test_many_at_once_get_what_each_gets_alone(loaded: Loaded, slots: int) -> None:
    """Forty clients with samplings of their own, more than there are rows."""
    asked = [various(number) for number in range(40)]
    with Engine(loaded, slots=slots) as engine, ThreadPoolExecutor(40) as clients:
        found = clients.map(lambda ask: whole(list(engine.stream(request_of(loaded, *ask)))), asked)
        for (prompt, sampling), (ids, text, finish) in zip(asked, found, strict=True):
            (wanted,) = complete(loaded, [prompt], sampling)
            assert tuple(ids[: len(wanted.ids)]) == wanted.ids and text == wanted.text
            assert finish == ("stop" if wanted.stopped else "length")
        time.sleep(0.1)
        assert (engine.counts.requests, engine.counts.running, engine.counts.waiting) == (40, 0, 0)


def test_an_event_loop_reads_several_answers(loaded: Loaded) -> None:
    asked = [various(number) for number in range(12)]

    async def read(engine: Engine, ask: tuple[list[int], Sampling]) -> str:
        return "".join([piece.text async for piece in engine.stream_async(request_of(loaded, *ask))])

    async def read_all() -> list[str]:
        with Engine(loaded, slots=3) as engine:
            return await asyncio.gather(*[read(engine, ask) for ask in asked])

    assert asyncio.run(read_all()) == [complete(loaded, [prompt], sampling)[0].text for prompt, sampling in asked]


def test_what_came_while_an_event_loop_was_busy_is_one_piece(loaded: Loaded) -> None:
    wanted = request_of(loaded, [2, 50], Sampling(limit=30), top=1)

    async def read(engine: Engine) -> list[Piece]:
        pieces = []
        async for piece in engine.stream_async(wanted):
            pieces.append(piece)
            while engine.counts.requests == 0:  # the loop does nothing else until the answer is there
                time.sleep(0.001)
        return pieces

    with Engine(loaded) as engine:
        pieces = asyncio.run(read(engine))
    assert len(pieces) <= 3 < len(wanted.ids)
    assert whole(pieces)[:2] == (wanted.ids, wanted.text)
    assert [logprob for piece in pieces for logprob in piece.logprobs] == wanted.logprobs


def test_text_comes_before_the_end() -> None:
    model = endless()
    with Engine(model, slots=1) as engine:
        stream = engine.stream(request_of(model, [2], Sampling(limit=3000)))
        first = next(stream)
        assert first.ids and first.finish is None
        stream.close()


def test_who_leaves_frees_a_row_at_once() -> None:
    """The only row is taken by an answer of thousands of tokens; its reader leaves."""
    model = endless()
    with Engine(model, slots=1) as engine:
        long = engine.stream(request_of(model, [2], Sampling(limit=4000)))
        next(long)
        long.close()
        assert whole(list(engine.stream(request_of(model, [2], Sampling(limit=3)))))[2] == "length"
        assert engine.counts.tokens < 2000


def test_one_cancelled_while_waiting_never_runs() -> None:
    model = endless()
    with Engine(model, slots=1) as engine:
        long = engine.stream(request_of(model, [2], Sampling(limit=4000)))
        next(long)
        told: list[Any] = []
        waiting = request_of(model, [2], Sampling(limit=5))
        engine.submit(waiting, told.append).cancel()
        long.close()
        assert whole(list(engine.stream(request_of(model, [2], Sampling(limit=3)))))[2] == "length"
        assert [piece.finish for piece in told] == ["cancelled"] and waiting.ids == []


def test_those_who_gave_up_while_they_waited_hold_no_place_in_the_queue() -> None:
    model = endless()
    with Engine(model, slots=1, waiting=1) as engine:
        long = engine.stream(request_of(model, [2], Sampling(limit=4000)))
        next(long)
        told: list[Any] = []
        for _ in range(5):
            engine.submit(request_of(model, [2], Sampling(limit=5)), told.append).cancel()
        while len(told) < 5:
            time.sleep(0.001)
        assert [piece.finish for piece in told] == ["cancelled"] * 5, "told at once, although the row is taken"
        long.close()


def test_a_request_given_up_while_it_takes_a_token_stays_so() -> None:
    """As when another thread cancels just then."""
    model = endless()
    request = request_of(model, [2], Sampling(limit=50))
    assert request.stream
    add = request.stream.add

    def slow(token: int) -> str:
        request.ended = True
        return add(token)

    request.stream.add = slow  # type: ignore[method-assign]
    request.take(70)
    assert request.ended and not request.stopped


def test_stop_strings_and_ids_of_its_own() -> None:
    tokenizer = tokenizer_of()
    ids = tokenizer.encode("la mer et le soleil")
    model = loaded_of(ScriptedModel([ids]))
    with Engine(model) as engine:
        _, text, finish = whole(list(engine.stream(request_of(model, [2], Sampling(limit=40), " et"))))
        assert (text, finish) == ("la mer", "stop")
        other = request_of(model, [2], Sampling(limit=40))
        other.stop_ids = (ids[2],)
        found, text, finish = whole(list(engine.stream(other)))
        assert (found, text, finish) == (ids[:3], tokenizer.decode(ids[:2]), "stop")


@torch.no_grad()
def test_logprobs_are_the_models_own(loaded: Loaded) -> None:
    """Of the chosen tokens and the likeliest, before the sampling, also beside a request that wants none."""
    prompt, sampling = [2, 50, 60], Sampling(1.5, top_k=5, seed=4, limit=12, repetition_penalty=1.5)
    with Engine(loaded) as engine, ThreadPoolExecutor(2) as clients:
        plain = clients.submit(lambda: list(engine.stream(request_of(loaded, [2, 9], Sampling(limit=20)))))
        pieces = list(engine.stream(request_of(loaded, prompt, sampling, top=3)))
        assert all(not piece.logprobs for piece in plain.result())
    ids = [i for piece in pieces for i in piece.ids]
    wanted = loaded.model.logits(loaded.model(torch.tensor([prompt + ids])))[0].log_softmax(-1)[len(prompt) - 1 :]
    logprobs = [logprob for piece in pieces for logprob in piece.logprobs]
    for row, token, logprob in zip(wanted, ids, logprobs, strict=False):
        assert logprob.chosen == approx(float(row[token]), abs=1e-4)
        best = row.topk(3)
        assert list(logprob.top) == best.indices.tolist()
        assert list(logprob.top.values()) == approx(best.values.tolist(), abs=1e-4)
    assert len(logprobs) == len(ids) == 12


def test_the_queue_is_bounded() -> None:
    model = endless()
    with Engine(model, slots=1, waiting=2) as engine:
        running = engine.stream(request_of(model, [2], Sampling(limit=4000)))
        next(running)
        for _ in range(2):
            engine.submit(request_of(model, [2], Sampling(limit=4000)), lambda piece: None)
        with raises(Busy, match="2 requests are waiting"):
            engine.submit(request_of(model, [2], Sampling()), lambda piece: None)
        running.close()


def test_closing_ends_what_runs_and_what_waits() -> None:
    model = endless()
    engine = Engine(model, slots=1)
    told: list[list[Any]] = [[], []]
    for news in told:
        engine.submit(request_of(model, [2], Sampling(limit=4000)), news.append)
    while not told[0]:
        time.sleep(0.001)
    engine.close()
    engine.close()
    assert not engine._worker.is_alive()
    assert all(isinstance(news[-1], Closed) for news in told)
    with raises(Closed):
        list(engine.stream(request_of(model, [2], Sampling())))


def test_a_failure_of_the_model_is_told_to_everyone(loaded: Loaded) -> None:
    class Broken(ScriptedModel):
        def logits(self, hidden: torch.Tensor) -> torch.Tensor:
            raise ValueError("no")

    model = loaded_of(Broken([[70]]))
    with Engine(model) as engine:
        with raises(Closed) as error:
            list(engine.stream(request_of(model, [2], Sampling())))
        assert str(error.value.__cause__) == "no"


@mark.parametrize("error", (RuntimeError("Event loop is closed"), ValueError("no")), ids=("gone", "failing"))
def test_a_listener_that_is_gone_or_fails_holds_nobody_up(loaded: Loaded, error: Exception) -> None:
    def gone(piece: Any) -> None:
        raise error

    with Engine(loaded, slots=2) as engine:
        engine.submit(request_of(loaded, [2, 50], Sampling(limit=60)), gone)
        found = whole(list(engine.stream(request_of(loaded, [2, 50], Sampling(limit=5)))))
        assert found[1] == complete(loaded, [[2, 50]], Sampling(limit=5))[0].text


def test_it_speculates_and_counts(loaded: Loaded) -> None:
    asked = [various(number) for number in range(6)]
    with Engine(loaded, slots=4, draft=loaded, ahead=3) as engine, ThreadPoolExecutor(6) as clients:
        found = list(clients.map(lambda ask: whole(list(engine.stream(request_of(loaded, *ask))))[1], asked))
        assert found == [complete(loaded, [prompt], sampling)[0].text for prompt, sampling in asked]
        assert 0 < engine.counts.accepted <= engine.counts.proposed


def test_its_memory_is_taken_at_the_start(loaded: Loaded, monkeypatch: MonkeyPatch) -> None:
    """However many requests there were, the cache is the same memory, and no request or thread is left over."""
    made: list[Any] = []
    taken = batch.Reader
    monkeypatch.setattr(batch, "Reader", lambda *given: made.append(taken(*given)) or made[-1])
    before = threading.active_count()
    with Engine(loaded, slots=2) as engine:
        for number in range(10):
            list(engine.stream(request_of(loaded, *various(number))))
        (reader,) = made
        at = reader.cache.keys.data_ptr()
        for number in range(30):
            list(engine.stream(request_of(loaded, *various(number))))
        assert made == [reader] and reader.cache.keys.data_ptr() == at
        assert not engine._queue
    assert threading.active_count() == before
