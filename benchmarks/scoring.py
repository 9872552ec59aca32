"""Log-likelihoods a second: ours against the `hf` class of lm-evaluation-harness: python benchmarks/scoring.py

Both score the same requests, given as tokens, with the same random weights, one after the other on the same device, and
every sum is compared. The `hf` class is the harness's own where lm-eval is installed; elsewhere, or with --copy, a copy
of what its `_loglikelihood_tokens` does for such a model (lm-eval 0.4.13): requests that differ in their last token
alone go through once, the longest first, `batch` rows at a time, padded behind; log-softmax of all logits in the
model's type; a sum and a comparison a request. It is timed with each of --batches, and the fastest counts.

The requests have the lengths of benchmarks: questions with four options, with and without three examples before, pairs
of sentences, last words. In fp32 sums agree within 1e-4 nats; in bf16 each is as far from fp32 as its roundings go.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from speed import SHAPES
from transformers import AutoConfig, AutoModelForCausalLM

from calame.evaluation.score import Request, score
from calame.inference.load import Loaded
from calame.model.config import ModelConfig, count_parameters
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.model.huggingface import to_config, to_weights
from calame.run.tables import text_table

Scores = list[tuple[float, bool]]
Way = Callable[[Sequence[Request]], Scores]
FIRST = 8  # ids below are special tokens
OPTIONS = 4
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def main() -> None:
    asked = _arguments()
    config = SHAPES[asked.model].model
    sets = request_sets(asked.requests, config, asked.seed)
    rows = []
    for precision in asked.precisions.split(","):
        ours = Decoder(config).eval()
        ours.initialise(asked.seed)
        device = choose_device(asked.device, precision)
        ours.to(device.torch)
        their_name, their_ways = theirs(ours, TYPES[precision], asked)
        if not rows:
            print(f"{asked.model}: {count_parameters(config):,} parameters, random; {device.name}")
            print(f"torch {torch.__version__}, transformers {version('transformers')}; against {their_name}")
        loaded: Any = Loaded(ours, None, device, False, "random")  # type: ignore[arg-type]
        found = [compare(part, lambda some, loaded=loaded: _ours(loaded, some), their_ways) for part in sets.values()]
        for name, row in [*zip(sets, found, strict=True), ("all of them", together(found))]:
            rows.append([name, precision, *row.cells()])
            print("  ".join(rows[-1]), flush=True)
    print("\n".join(text_table(HEAD, rows)))


HEAD = (
    "requests",
    "precision",
    "number",
    "hf class, a second",
    "batch",
    "ours, a second",
    "ratio",
    "greatest difference",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="klovis", choices=list(SHAPES), help="a shape of benchmarks/speed.py")
    parser.add_argument("--requests", type=int, default=4000, help="of each set (4000)")
    parser.add_argument("--batches", default="16,64,256", help="rows of the hf class at a time; the fastest counts")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--copy", action="store_true", help="the copy of the hf class, although lm-eval is there")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def request_sets(number: int, config: ModelConfig, seed: int) -> dict[str, list[Request]]:
    """Requests of the lengths, and with the shared beginnings, that benchmarks have."""
    draw, longest = np.random.default_rng(seed), config.max_position_embeddings

    def some(low: int, high: int) -> list[int]:
        return draw.integers(FIRST, config.vocab_size, draw.integers(low, high)).tolist()

    def scaled(tokens: int) -> int:
        """A length in a context of 512 tokens, in this model's where that is shorter."""
        return max(4, tokens * min(longest, 512) // 512)

    def choices(before: list[int], low: int, high: int) -> Iterator[Request]:
        for _ in range(number // OPTIONS):
            context = [1, *before, *some(scaled(20), scaled(80) + 1)]
            yield from (Request(context, some(low, high)) for _ in range(OPTIONS))

    def pairs() -> Iterator[Request]:
        for _ in range(number // 2):
            beginning = some(1, scaled(16))
            yield from (Request([1], [*beginning, *some(2, scaled(16))]) for _ in range(2))

    examples = some(scaled(240), scaled(240) + 1)
    return {
        "four options, three examples": list(choices(examples, 2, scaled(16))),
        "four letters, three examples": list(choices(examples, 1, 2)),
        "four options": list(choices([], 2, scaled(16))),
        "pairs of sentences": list(pairs()),
        "last words": [Request([1, *some(scaled(90), scaled(180) + 1)], some(1, 4)) for _ in range(number)],
    }


def _ours(loaded: Loaded, requests: Sequence[Request]) -> Scores:
    return [(found.logprob, found.greedy) for found in score(loaded, requests)]


@dataclass(frozen=True)
class Compared:
    """Requests, seconds that each side took for them, the rows of the hf class's best batch, and how far in nats the
    two were apart at most."""

    number: int
    theirs: float
    batch: str
    ours: float
    apart: float

    def cells(self) -> list[str]:
        speeds = [f"{self.number / seconds:,.0f}" for seconds in (self.theirs, self.ours)]
        ratio = f"{self.theirs / self.ours:.1f}"
        return [f"{self.number:,}", speeds[0], self.batch, speeds[1], ratio, f"{self.apart:.1e}"]


def compare(requests: Sequence[Request], ours: Way, their_ways: dict[int, Way]) -> Compared:
    found = {batch: timed(way, requests) for batch, way in their_ways.items()}
    best = min(found, key=lambda batch: found[batch][0])
    seconds, scores = timed(ours, requests)
    pairs = [pair for _, other in found.values() for pair in zip(scores, other, strict=True)]
    apart = max(abs(one - other) for (one, _), (other, _) in pairs)
    return Compared(len(requests), found[best][0], str(best), seconds, apart)


def together(found: Sequence[Compared]) -> Compared:
    number, theirs, ours = (sum(getattr(one, key) for one in found) for key in ("number", "theirs", "ours"))
    return Compared(number, theirs, "the best", ours, max(one.apart for one in found))


def timed(way: Way, requests: Sequence[Request]) -> tuple[float, Scores]:
    """Seconds, the better of two times after a first one over some of them; and the scores."""
    way(requests[: len(requests) // 8])
    seconds, found = [], []
    for _ in range(2):
        start = time.perf_counter()
        found = way(requests)  # its floats have come back from the device
        seconds.append(time.perf_counter() - start)
    return min(seconds), found


def theirs(ours: Decoder, kind: torch.dtype, asked: argparse.Namespace) -> tuple[str, dict[int, Way]]:
    """The hf class on the same weights, and a way to score for each batch."""
    model = stock_class(ours, kind)
    batches, longest = [int(part) for part in asked.batches.split(",")], ours.config.max_position_embeddings
    if asked.copy or not find_spec("lm_eval"):
        return "a copy of the hf class of lm-eval 0.4.13", {n: hf_copy(model, longest, n) for n in batches}
    return f"the hf class of lm-eval {version('lm-eval')}", {n: hf_class(model, longest, n) for n in batches}


def stock_class(ours: Decoder, kind: torch.dtype) -> Any:
    """The class of `transformers` with the same weights, on the same device."""
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**to_config(ours.config, "float32", {}))).eval()
    weights = to_weights({name: tensor.cpu() for name, tensor in ours.state_dict().items()}, ours.config)
    if ours.config.tie_word_embeddings:
        weights["lm_head.weight"] = ours.head.cpu()
    model.load_state_dict(weights)
    return model.to(ours.head.device, kind)


def hf_class(model: Any, longest: int, batch: int) -> Way:
    """The harness's own. Its tokenizer is never asked: requests come as tokens."""
    from lm_eval.models.huggingface import HFLM
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<eos>": 0, "<pad>": 1}, unk_token="<eos>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<pad>")
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=longest)

    def run(requests: Sequence[Request]) -> Scores:
        asked: Any = [(("", ""), list(one.context), list(one.continuation)) for one in requests]
        return harness._loglikelihood_tokens(asked, disable_tqdm=True)

    return run


def hf_copy(model: Any, longest: int, batch: int) -> Way:
    """What the `hf` class does with requests for a causal model, step by step."""

    def run(requests: Sequence[Request]) -> Scores:
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, one in enumerate(requests):
            groups.setdefault((*one.context, *one.continuation[:-1]), []).append(number)
        chosen = [max(group, key=lambda n: len(requests[n].continuation)) for group in groups.values()]
        whole = {n: [*requests[n].context, *requests[n].continuation] for n in chosen}
        chosen.sort(key=lambda n: (-len(whole[n]), tuple(whole[n])))
        found: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            rows = [torch.tensor(whole[n][-(longest + 1) :][:-1], device=model.device) for n in part]
            padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
            with torch.no_grad():
                logs = F.log_softmax(model(padded).logits, dim=-1)
            for n, row, own in zip(part, rows, logs, strict=True):
                own = own[len(row) - len(requests[n].continuation) : len(row)][None]
                likeliest = own.argmax(dim=-1)
                for member in groups[(*requests[n].context, *requests[n].continuation[:-1])]:
                    wanted = torch.tensor(list(requests[member].continuation), device=model.device)[None]
                    size = wanted.shape[1]
                    hit = (likeliest[:, -size:] == wanted).all()
                    taken = own[:, -size:].gather(2, wanted[..., None]).squeeze(-1)
                    found[member] = (float(taken.sum()), bool(hit))
        return found

    return run


if __name__ == "__main__":
    main()
