"""OpenAI's own client finds what it expects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
from pytest import approx, fixture, raises

from builders import decoder_of, loaded_of, tokenizer_of
from calame.inference.generate import complete
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.recipe.errors import UserError
from calame.run.endpoint import Endpoint, Model
from serving import Site, said, scripted, serving

ASKED: Any = [said("system", "Sois bref."), said("user", "où est la mer ?")]


@fixture(scope="module")
def loaded() -> Loaded:
    return loaded_of(decoder_of(max_position_embeddings=200))


@fixture(scope="module")
def site(loaded: Loaded) -> Iterator[Site]:
    with serving(loaded) as site:
        yield site


def alone(loaded: Loaded, messages: list[dict[str, Any]], limit: int = 60) -> str:
    return complete(loaded, [loaded.tokenizer.chat(messages)], Sampling(limit=limit))[0].text


def test_models(site: Site) -> None:
    (model,) = site.client().models.list()
    assert (model.id, model.object, model.owned_by) == ("essai", "model", "calame")
    assert site.client().models.retrieve("essai") == model
    with raises(openai.NotFoundError, match="there is no such model here"):
        site.client().models.retrieve("gpt-5")


def test_an_answer_is_the_models_own(site: Site, loaded: Loaded) -> None:
    found = site.client().chat.completions.create(model="essai", messages=ASKED)
    (choice,) = found.choices
    assert choice.message.role == "assistant"
    assert choice.message.content == alone(loaded, ASKED)
    assert choice.finish_reason == "length" and choice.logprobs is None
    usage = found.usage
    assert usage and usage.prompt_tokens == len(loaded.tokenizer.chat(ASKED)) and usage.completion_tokens == 60
    assert usage.total_tokens == usage.prompt_tokens + 60


def test_a_stream_is_the_same_answer_piece_by_piece(site: Site, loaded: Loaded) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        site.client().chat.completions.create(model="essai", messages=ASKED, stream=True, stream_options=options)
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == alone(loaded, ASKED) and len(pieces) > 20
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-2:] == [None, "length"]
    assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.completion_tokens == 60
    plain = list(site.client().chat.completions.create(model="essai", messages=ASKED, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in plain)


def test_an_answer_ends_by_itself_and_before_a_stop_string() -> None:
    """The stop token counts among the tokens said, and is not shown."""
    with serving(scripted("la mer et le soleil")) as site:
        create = site.client().chat.completions.create
        found = create(model="essai", messages=ASKED)
        assert (found.choices[0].message.content, found.choices[0].finish_reason) == ("la mer et le soleil", "stop")
        assert found.usage and found.usage.completion_tokens == len(tokenizer_of().encode("la mer et le soleil")) + 1
        for stop in (" et", ["soleil", " et"]):
            cut = create(model="essai", messages=ASKED, stop=stop)
            assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("la mer", "stop")
        stream = create(model="essai", messages=ASKED, stop=" et", stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "la mer"


def test_limits_of_tokens_by_either_name(site: Site, loaded: Loaded) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        limits: Any = {name: 7}
        found = site.client().chat.completions.create(model="essai", messages=ASKED, **limits)
        assert found.choices[0].message.content == alone(loaded, ASKED, 7)


def test_logprobs_of_a_conversation(site: Site, loaded: Loaded) -> None:
    """Whole and streamed they are the same; the likeliest is what greedy decoding says."""
    create = site.client().chat.completions.create
    asked: Any = {"model": "essai", "messages": ASKED, "max_tokens": 9, "logprobs": True, "top_logprobs": 3}
    logprobs = create(**asked).choices[0].logprobs
    assert logprobs and logprobs.content and len(logprobs.content) == 9
    for place in logprobs.content:
        assert place.logprob == approx(place.top_logprobs[0].logprob) and place.token == place.top_logprobs[0].token
        assert len(place.top_logprobs) == 3
    chunks = [chunk.choices[0].logprobs for chunk in create(**asked, stream=True)]
    assert [place for found in chunks if found for place in found.content or []] == logprobs.content
    bare = create(**{**asked, "top_logprobs": None}).choices[0].logprobs
    assert bare and bare.content and bare.content[0].top_logprobs == []


def test_texts_are_continued(site: Site, loaded: Loaded) -> None:
    create = site.client().completions.create
    prompt = loaded.tokenizer.prompt("la mer")
    wanted = complete(loaded, [prompt], Sampling(limit=6))[0].text
    prompts: Any = ("la mer", ["la mer"], prompt)
    for given in prompts:
        found = create(model="essai", prompt=given, max_tokens=6, logprobs=2)
        assert found.choices[0].text == wanted
        logprobs = found.choices[0].logprobs
        assert logprobs and logprobs.tokens and len(logprobs.tokens) == 6
        assert logprobs.text_offset and logprobs.text_offset[:2] == [0, len(logprobs.tokens[0])]
    chunks = create(model="essai", prompt="la mer", max_tokens=6, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == wanted


def test_a_seed_repeats_what_is_drawn_and_without_one_it_differs(site: Site) -> None:
    def ask(**more: Any) -> str | None:
        found = site.client().chat.completions.create(model="essai", messages=ASKED, temperature=1.5, **more)
        return found.choices[0].message.content

    assert ask(seed=3) == ask(seed=3) != ask(seed=4)
    assert len({ask() for _ in range(3)}) == 3


def test_what_only_we_have(site: Site, loaded: Loaded) -> None:
    sampling = Sampling(repetition_penalty=1.5, limit=20)
    wanted = complete(loaded, [loaded.tokenizer.chat(ASKED)], sampling)[0].text
    more = {"repetition_penalty": 1.5, "top_k": 4, "min_p": 0.1, "no_repeat_ngram": 0}
    found = site.client().chat.completions.create(model="essai", messages=ASKED, max_tokens=20, extra_body=more)
    assert found.choices[0].message.content == wanted


def test_what_was_answered_goes_back_into_the_conversation(site: Site) -> None:
    """As the client hands it over: with all the fields that were never set."""
    create = site.client().chat.completions.create
    message: Any = create(model="essai", messages=ASKED, max_tokens=5).choices[0].message
    again = [*ASKED, {**message.model_dump(), "content": "Là."}, said("user", "et puis ?")]
    assert create(model="essai", messages=again, max_tokens=5).choices[0].message.content


def test_a_text_in_parts(site: Site, loaded: Loaded) -> None:
    parts = [{"type": "text", "text": "où est"}, {"type": "text", "text": "la mer ?"}]
    status, found, _ = site.chat(said("user", parts), max_tokens=8)
    assert status == 200
    assert found["choices"][0]["message"]["content"] == alone(loaded, [said("user", "où est\nla mer ?")], 8)


def test_our_own_client_of_such_interfaces(site: Site, loaded: Loaded) -> None:
    """As `calame judge` and `calame corpus label` use it."""
    with Endpoint(Model(f"{site.url}/v1", "essai", max_tokens=20)) as endpoint:
        endpoint.check()
        answer = endpoint.ask(ASKED, seed=3)
    assert (answer.text, answer.fault) == (alone(loaded, ASKED, 20), "")
    with Endpoint(Model(f"{site.url}/v1", "gpt-5")) as endpoint, raises(UserError, match="essai"):
        endpoint.check()
