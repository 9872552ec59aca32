"""On a CUDA device: the passes recorded as graphs, and their kernels, give what the plain lines give."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from pytest import fixture, mark
from torch import Tensor

from builders import decoder_of, tokenizer_of
from calame.inference.batch import Batch
from calame.inference.engine import Engine
from calame.inference.generate import complete, run
from calame.inference.load import Loaded, in_bf16
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.inference.text import TextStream
from calame.model.cache import Cache
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.model.step import Step

pytestmark = [mark.gpu, mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

SHAPES: dict[str, dict[str, Any]] = {
    "llama": {"hidden_size": 192, "num_attention_heads": 6, "head_dim": 32, "intermediate_size": 200},
    "odd head": {"head_dim": 10, "num_key_value_heads": 4, "tie_word_embeddings": False},
    "qwen3": {"family": "qwen3", "hidden_size": 256, "head_dim": 128, "intermediate_size": 512},
    "gpt2": {"family": "gpt2", "hidden_size": 128, "num_key_value_heads": 4, "head_dim": 32},
}
ROOM = 256
PROMPTS = [[2, *range(n, n + 1 + 5 * (n % 7))] for n in range(10, 80, 4)]
SAMPLINGS = {
    "greedy": Sampling(limit=40),
    "sampled": Sampling(0.7, top_k=20, top_p=0.95, min_p=0.01, seed=1, limit=40),
    "penalised": Sampling(limit=40, repetition_penalty=1.2, no_repeat_ngram=3),
}


def stirred(shape: dict[str, Any]) -> Decoder:
    model, random = decoder_of(max_position_embeddings=ROOM, **shape), torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.empty_like(parameter).normal_(0, 0.3, generator=random))
    return model


def on(device: str, model: Decoder) -> Loaded:
    where = choose_device(device, "fp32")
    return Loaded(model.to(where.torch), tokenizer_of(), where, True, "a test")


@fixture(params=SHAPES)
def loaded(request: Any) -> Loaded:
    return on("cuda", stirred(SHAPES[request.param]))


@mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_recorded_passes_say_what_the_processor_says(loaded: Loaded, sampling: Sampling) -> None:
    """In fp32 token for token, greedy and drawn, rows coming and going."""
    found = complete(loaded, PROMPTS, sampling, at_once=5)
    plain = on("cpu", Decoder(loaded.model.config).eval())
    plain.model.load_state_dict({name: tensor.cpu() for name, tensor in loaded.model.state_dict().items()})
    assert [completion.ids for completion in found] == [
        completion.ids for completion in complete(plain, PROMPTS, sampling)
    ]


@mark.parametrize("kernels", (True, False), ids=("kernels", "plain"))
def test_recorded_and_launched_passes_are_the_same(loaded: Loaded, kernels: bool) -> None:
    """The same lines, replayed or run: exactly the same tokens, in fp32 and in bf16."""
    for each in (loaded, in_bf16(loaded)):
        said = []
        for recorded in (True, False):
            requests = [Request.of(each, prompt, Sampling(limit=30)) for prompt in PROMPTS]
            batch = Batch(each, 32, ROOM)
            batch.model.step = batch.model.step if kernels else None
            if not recorded:
                batch.graphs = None
            for _ in run(batch, requests):
                pass
            said.append([request.ids for request in requests])
        assert said[0] == said[1]


def three_passes(model: Decoder, rows: int, time: int, kernels: bool) -> list[Tensor]:
    """Logits of three passes at places of each row's own, then the cache, all in fp32; long rows are read in parts."""
    device, dtype = model.head.device, model.head.dtype
    cache = Cache.empty(model.config, rows, 2048, dtype, device)
    random = torch.Generator(device=device).manual_seed(1)
    tokens = torch.randint(6, 330, (rows, ROOM), device=device, generator=random)
    begin = torch.randint(1, 200, (rows, 1), device=device, generator=random)
    model(tokens[:, :200], cache=cache)
    step = Step.of(model)
    assert step is not None
    found = []
    for number in range(3):
        places = begin + number * time + torch.arange(time, device=device)
        these = tokens.gather(1, places)
        if kernels:
            found.append(step.logits(these, places, cache))
        else:
            found.append(model.logits(model(these, places, cache=cache)).float())
    return [*found, cache.keys.float(), cache.values.float()]


@mark.parametrize(("rows", "time"), [(1, 1), (3, 1), (33, 1), (2, 5), (100, 1)])
@torch.no_grad()
def test_the_kernels_of_a_pass_are_the_decoder(loaded: Loaded, rows: int, time: int) -> None:
    found, wanted = (three_passes(loaded.model, rows, time, kernels) for kernels in (True, False))
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


@mark.parametrize(("rows", "time"), [(1, 1), (3, 1), (33, 1), (2, 5), (100, 1)])
@torch.no_grad()
def test_in_bf16_the_kernels_are_as_near_to_fp32_as_the_plain_pass(loaded: Loaded, rows: int, time: int) -> None:
    """The plain pass is itself up to a fifth of the greatest logit off here: what it rounds, the kernels do not."""
    model = in_bf16(loaded).model
    exact = three_passes(loaded.model, rows, time, kernels=False)
    ours, plain = (three_passes(model, rows, time, kernels) for kernels in (True, False))
    for part in (slice(0, 3), slice(3, 4), slice(4, 5)):  # logits, keys, values

        def off(found: list[Tensor], part: slice = part) -> float:
            pairs = zip(found[part], exact[part], strict=True)
            return float(torch.cat([(a - b).flatten() for a, b in pairs]).square().mean().sqrt())

        assert 0 < off(ours) <= 1.5 * off(plain)


@mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_a_draft_changes_nothing(loaded: Loaded, sampling: Sampling) -> None:
    wanted = [list(completion.ids) for completion in complete(loaded, PROMPTS, sampling)]
    draft = Decoder(decoder_of(num_hidden_layers=1, max_position_embeddings=ROOM, **_shape(loaded)).config).eval()
    draft.load_state_dict(loaded.model.state_dict(), strict=False)
    requests = [Request.of(loaded, prompt, sampling) for prompt in PROMPTS]
    batch = Batch(loaded, 4, ROOM, on("cuda", draft))
    for _ in run(batch, requests):
        pass
    assert [request.said for request in requests] == wanted
    assert 0 < batch.accepted < batch.proposed


def _shape(loaded: Loaded) -> dict[str, Any]:
    return next(s for s in SHAPES.values() if all(getattr(loaded.model.config, key) == s[key] for key in s))


def test_the_engine_serves_many_as_each_alone() -> None:
    """Sixty-four clients, samplings of their own, fp32; and text, cut at a stop string."""
    loaded = on("cuda", stirred(SHAPES["llama"]))
    kinds = list(SAMPLINGS.values())
    asked = [([2, *range(10 + n, 12 + n + n % 30)], kinds[n % 3]) for n in range(64)]
    with Engine(loaded, slots=16) as engine, ThreadPoolExecutor(64) as clients:
        assert engine.ready.wait(120)

        def ask(given: tuple[list[int], Sampling]) -> list[int]:
            request = Request.of(loaded, *given, stream=TextStream(loaded.tokenizer), top=2)
            return [token for piece in engine.stream(request) for token in piece.ids]

        found = list(clients.map(ask, asked))
    for (prompt, sampling), ids in zip(asked, found, strict=True):
        (wanted,) = complete(loaded, [prompt], sampling)
        assert tuple(ids[: len(wanted.ids)]) == wanted.ids
