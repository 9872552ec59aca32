"""Tokens a second of generation against `transformers`, in one run on one device: python benchmarks/generation.py

    --random                   random weights of Klovis' shape (145.7M), and of a draft's
    --model DIR [--draft DIR]  a run, a checkpoint or a Hugging Face folder, and a smaller model of the same tokenizer

Ours runs as a server runs it: the engine with 32 rows, its thread, and requests that are submitted. `transformers` runs
its `generate`: as it comes, and with the static cache, which it compiles by itself on a GPU. Both hold the same weights
in the same type (bf16 on a GPU, fp32 on a CPU), read the same prompts of PROMPT tokens and say as many tokens greedily,
whatever these are: a rate counts all new tokens from the first prompt's coming to the last token. After what warms up,
everything is timed several times, each side in its turn; a figure is the median with its extremes. On a CPU tokens a
second of all its cores together are told as well, which hardly depend on what else runs there.

What cannot be begun before --seconds are over is left out, and said; what fails is told, and the rest goes on.
On a CPU --threads says how many cores; a GGUF file (--gguf) is timed beside where llama-cpp-python is installed.
"""

from __future__ import annotations

import argparse
import json
import platform
import queue
import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from scoring import stock_class
from speed import SHAPES, llama

from calame.evaluation.behaviour.prompts import shipped_prompts
from calame.inference.engine import Engine, Piece
from calame.inference.load import Loaded, in_bf16, load_any
from calame.inference.request import Request
from calame.inference.sampling import Sampling
from calame.model.config import ModelConfig, count_parameters
from calame.model.decoder import Decoder
from calame.model.device import choose_device
from calame.run.tables import text_table
from calame.tokenizer.train import train

BEGAN = time.perf_counter()
PROMPT, NEW = 32, 64  # tokens
ROWS = 32
DRAFT = llama(32_005, 384, 6, 6, 2, 1024, 512)  # 21M, of the tokenizer that Klovis' shape has
OURS, DEFAULT, STATIC, DRAFTED = "calame", "transformers, default", "transformers, static cache", "calame, draft"
LLAMA = "llama.cpp"


@dataclass(frozen=True)
class Figure:
    """A quantity, measured several times. warm: seconds that it took before it could be measured."""

    what: str
    who: str
    unit: str
    values: list[float]
    warm: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def cells(self) -> list[str]:
        spread = f"{min(self.values):,.1f}-{max(self.values):,.1f} of {len(self.values)}"
        return [self.what, self.who, self.unit, f"{self.median:,.1f}", spread, f"{self.warm:.1f}"]


HEAD = ("figure", "who", "unit", "median", "spread", "ready after (s)")


@dataclass
class Results:
    """Figures, remarks, and what failed or was left out."""

    seconds: float
    on_gpu: bool
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, *figure: Any) -> None:
        self.figures.append(Figure(*figure))
        print("  ".join(self.figures[-1].cells()), flush=True)

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(text, flush=True)

    def attempt(self, what: str, measure: Callable[[], None]) -> None:
        """Measure, unless it is too late."""
        if time.perf_counter() - BEGAN > self.seconds:
            self.missing.append(f"{what}: no time")
        else:
            try:
                measure()
            except Exception as error:  # a figure that fails takes no other along
                traceback.print_exc()
                self.missing.append(f"{what}: {type(error).__name__}: {str(error)[:200]}")
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def of(self, what: str, who: str) -> float | None:
        return next((figure.median for figure in self.figures if (figure.what, figure.who) == (what, who)), None)


def main() -> int:
    """1 where a figure failed, or greedy answers differ; on a GPU also where a bar is missed or there was no time."""
    asked = _arguments()
    torch.set_num_threads(asked.threads or torch.get_num_threads())
    loaded, draft = models(asked)
    results = Results(asked.seconds, loaded.device.torch.type == "cuda")
    where = f"{loaded.device.name}, torch {torch.__version__}, transformers {version('transformers')}"
    sizes = [f"{count_parameters(each.model.config):,}" for each in (loaded, draft) if each]
    results.note(f"{where}, {torch.get_num_threads()} threads, Python {platform.python_version()}")
    results.note(f"{loaded.origin}: {' and a draft of '.join(sizes)} parameters, {loaded.dtype}")
    measure(loaded, draft, asked, results)
    print("\n" + "\n".join(text_table(HEAD, [figure.cells() for figure in results.figures])))
    print("\n".join([*results.notes, *judged(results), *[f"missing: {what}" for what in results.missing]]))
    if asked.out:
        asked.out.write_text(json.dumps({**asdict(results), "judged": judged(results)}, indent=1), encoding="utf-8")
    faults = [what for what in results.missing if results.on_gpu or not what.endswith(": no time")]
    bars = [line for line in judged(results) if results.on_gpu and line.startswith("MISSED")]
    return 1 if faults or bars else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a run, a checkpoint or a Hugging Face folder")
    parser.add_argument("--draft", help="a smaller one of the same tokenizer")
    parser.add_argument("--random", action="store_true", help="random weights of both shapes")
    parser.add_argument("--quick", action="store_true", help="a toy of random weights, a few tokens: a rehearsal")
    parser.add_argument("--new", type=int, default=NEW, help=f"tokens of an answer ({NEW})")
    parser.add_argument("--repeat", type=int, default=3, help="turns (3)")
    parser.add_argument("--batches", default=f"1,{ROWS}", help="requests at once")
    parser.add_argument("--language", default="fr", help="of the prompts: fr, it, en")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, help="of a CPU")
    parser.add_argument("--gguf", type=Path, help="the same model for llama.cpp")
    parser.add_argument("--seconds", type=float, default=100, help="begin nothing more after so long (100)")
    parser.add_argument("--out", type=Path, help="a JSON file")
    asked = parser.parse_args()
    if bool(asked.model) == (asked.random or asked.quick):
        parser.error("either --model DIR, or --random or --quick")
    asked.new = 8 if asked.quick else asked.new
    return asked


def models(asked: argparse.Namespace) -> tuple[Loaded, Loaded | None]:
    if asked.model:
        found = [load_any(name, device=asked.device) for name in (asked.model, asked.draft) if name]
    else:
        shape = SHAPES["toy" if asked.quick else "klovis"].model
        found = random_models([shape, shape if asked.quick else DRAFT], asked.device)
    found = [in_bf16(each) if each.device.torch.type == "cuda" else each for each in found]
    return found[0], found[1] if len(found) > 1 else None


def random_models(shapes: Sequence[ModelConfig], device: str) -> list[Loaded]:
    """With one small tokenizer, learnt from the shipped prompts."""
    texts = [prompt.text for prompt in shipped_prompts(["fr"])]
    tokenizer, found = train("byte-bpe", min(512, *(shape.vocab_size for shape in shapes)), texts), []
    for seed, shape in enumerate(shapes):
        model, chosen = Decoder(shape).eval(), choose_device(device)
        model.initialise(seed)
        found.append(Loaded(model.to(chosen.torch), tokenizer, chosen, False, "random weights"))
    return found


def measure(loaded: Loaded, draft: Loaded | None, asked: argparse.Namespace, results: Results) -> None:
    batches = [int(batch) for batch in asked.batches.split(",")]
    prompts = prompts_of(loaded, asked.language, max(batches))
    theirs: Any = stock_class(loaded.model, loaded.dtype)

    def peer(batch: int, who: str, times: int = 1, new: int = asked.new, **options: Any) -> Way:
        return Way(f"batch {batch}", who, batch * new, their_way(theirs, prompts[:batch], new, options), times)

    static = {"cache_implementation": "static"}
    results.attempt(OURS, lambda: ours(loaded, prompts, batches, asked, results, peer))
    if draft is not None:
        results.attempt(DRAFTED, lambda: speculate(loaded, draft, asked, results))
    results.attempt("the same tokens", lambda: compare(loaded, prompts[:4], asked.new, results))
    for batch in batches[1:] if results.on_gpu else ():
        way = peer(batch, STATIC, **static)
        results.attempt(f"batch {batch}, {STATIC}", lambda way=way: in_turns([way], asked.repeat, results))


@dataclass
class Way:
    """A way to say so many tokens; `times` as often in each turn as the others. warm: seconds before it is ready."""

    what: str
    who: str
    tokens: int
    run: Callable[[], Any]
    times: int = 1
    warm: float = 0.0
    rates: list[float] = field(default_factory=list)  # tokens a second
    busy: list[float] = field(default_factory=list)  # and a second of all processors together

    def turn(self) -> None:
        for _ in range(self.times):
            begin, busy = time.perf_counter(), time.process_time()
            self.run()
            self.rates.append(self.tokens / (time.perf_counter() - begin))
            self.busy.append(self.tokens / (time.process_time() - busy))


def in_turns(ways: Sequence[Way], rounds: int, results: Results) -> None:
    """Tokens a second of each, after what warms it up: a call, and one more of what is compiled, which then records
    itself. One that fails there takes no part."""
    able = list[Way]()

    def warm(way: Way) -> None:
        begin = time.perf_counter()
        for _ in range(1 if way.who == DEFAULT else 2):
            way.run()
        way.warm += time.perf_counter() - begin
        able.append(way)

    for way in ways:
        results.attempt(f"{way.what}, {way.who}", lambda way=way: warm(way))
    for _ in range(rounds):
        for way in able:
            way.turn()
    for way in able:
        results.add(way.what, way.who, "tokens/s", way.rates, way.warm)
    for way in [] if results.on_gpu else able:  # says more where others work on the same machine
        results.add(f"{way.what}, by processor", way.who, "tokens/s", way.busy)


def prompts_of(loaded: Loaded, language: str, number: int) -> list[list[int]]:
    """Of PROMPT tokens each, out of the shipped prompts."""
    ids = loaded.tokenizer.encode(" ".join(prompt.text for prompt in shipped_prompts([language])))
    ids = ids * (1 + number * PROMPT // len(ids))
    room = loaded.model.config.max_position_embeddings
    size = min(PROMPT, room // 4)
    return [ids[n * size : (n + 1) * size] for n in range(number)]


def request_of(loaded: Loaded, prompt: Sequence[int], new: int) -> Request:
    """One that nothing ends before `new` tokens."""
    request = Request.of(loaded, prompt, Sampling(limit=new))
    request.stop_ids = ()
    return request


def say(engine: Engine, requests: Sequence[Request]) -> float:
    """Have all answered side by side. Returns the seconds until the first one's first token."""
    told: queue.SimpleQueue[tuple[int, Piece | Exception]] = queue.SimpleQueue()
    begin, first, over = time.perf_counter(), 0.0, 0
    for number, request in enumerate(requests):
        engine.submit(request, lambda piece, number=number: told.put((number, piece)))
    while over < len(requests):
        number, piece = told.get()
        if isinstance(piece, Exception):
            raise piece
        first = first or time.perf_counter() - begin
        over += piece.finish is not None
    return first


@contextmanager
def ready(engine: Engine):
    """The engine, once it is warm."""
    with engine:
        engine.ready.wait()
        if engine.error is not None:
            raise engine.error
        yield engine


def ours(
    loaded: Loaded,
    prompts: Sequence[Sequence[int]],
    batches: Sequence[int],
    asked: Any,
    results: Results,
    peer: Callable[..., Way],
) -> None:
    """Ours beside the others, batch by batch, and how soon each says its first token."""
    begin = time.perf_counter()
    with ready(Engine(loaded, slots=max(batches))) as engine:
        warm = time.perf_counter() - begin

        def mine(batch: int) -> Way:
            def run() -> None:
                say(engine, [request_of(loaded, prompt, asked.new) for prompt in prompts[:batch]])

            return Way(f"batch {batch}", OURS, batch * asked.new, run, 3, warm)

        firsts = [1e3 * say(engine, [request_of(loaded, prompts[0], 4)]) for _ in range(10 * asked.repeat + 1)][1:]
        results.add("first token", OURS, "ms", firsts, warm)
        for batch in batches:
            ways = [mine(batch), peer(batch, DEFAULT, 1 if results.on_gpu else 3)]
            if batch == batches[0]:
                ways.insert(1, peer(batch, STATIC, 3, cache_implementation="static"))
                if asked.gguf and find_spec("llama_cpp"):
                    ways.append(llama_cpp(asked, prompts[0]))
                elif asked.gguf:
                    results.missing.append(f"{LLAMA}: llama-cpp-python is not installed")
            in_turns(ways, asked.repeat, results)
    first = peer(1, DEFAULT, new=1)
    results.attempt("first token", lambda: milliseconds(DEFAULT, first.run, 5 * asked.repeat, results))


def milliseconds(who: str, run: Callable[[], Any], repeat: int, results: Results) -> None:
    run()
    results.add("first token", who, "ms", [1e3 * seconds_of(run) for _ in range(repeat)])


def seconds_of(run: Callable[[], Any]) -> float:
    """Of a call whose result has come back from the device."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def their_way(model: Any, prompts: Sequence[Sequence[int]], new: int, options: dict[str, Any]) -> Callable[[], Any]:
    """`generate`, which nothing ends before `new` tokens; what it says comes home."""
    tokens = torch.tensor([list(prompt) for prompt in prompts])
    for config in (model.generation_config, model.config):
        config.eos_token_id, config.pad_token_id = None, 0

    def run() -> torch.Tensor:
        here = tokens.to(model.device)
        mask = torch.ones_like(here)
        with torch.no_grad():
            out = model.generate(here, attention_mask=mask, do_sample=False, max_new_tokens=new, **options)
        found = out[:, tokens.shape[1] :].cpu()
        assert found.shape[1] == new, "it ended before"
        return found

    return run


def speculate(loaded: Loaded, draft: Loaded, asked: argparse.Namespace, results: Results) -> None:
    """One request after the other, with and without the draft, on whole prompts, to their own ends."""
    tokenizer, prompts = loaded.tokenizer, shipped_prompts([asked.language])[:: 2 if asked.quick else 10]
    turns = [[{"role": "user", "content": prompt.text}] for prompt in prompts]
    asks = [
        tokenizer.chat(t) if loaded.tuned else tokenizer.prompt(p.text) for t, p in zip(turns, prompts, strict=True)
    ]
    room = loaded.model.config.max_position_embeddings
    asks = [ask for ask in asks if len(ask) + asked.new <= room][:20]
    said: dict[str, list[list[int]]] = {}
    a_pass: dict[str, float] = {}
    for who, other in ((f"{OURS}, no draft", None), (DRAFTED, draft)):
        begin = time.perf_counter()
        with ready(Engine(loaded, slots=1, draft=other)) as engine:
            warm, rates, seconds = time.perf_counter() - begin, [], 0.0
            say(engine, [Request.of(loaded, asks[0], Sampling(limit=asked.new))])
            begun = engine.counts.proposed, engine.counts.accepted
            for _ in range(asked.repeat):
                requests = [Request.of(loaded, ask, Sampling(limit=asked.new)) for ask in asks]
                took = seconds_of(lambda requests=requests: [say(engine, [request]) for request in requests])
                tokens = sum(len(request.ids) for request in requests)
                rates.append(tokens / took)
                seconds += took
                said[who] = [request.ids for request in requests]
            results.add("whole prompts, one by one", who, "tokens/s", rates, warm)
            proposed, accepted = engine.counts.proposed - begun[0], engine.counts.accepted - begun[1]
            passes = proposed / engine.ahead if other else sum(map(len, said[who])) * asked.repeat
            a_pass[who] = 1e3 * seconds / passes
    (plain, _), (drafted, _) = a_pass.items()
    same = sum(one == other for one, other in zip(said[plain], said[drafted], strict=True))
    speed = [results.of("whole prompts, one by one", who) or 0.0 for who in (plain, drafted)]
    results.note(
        f"draft: {accepted:,} of {proposed:,} proposed tokens accepted ({accepted / max(proposed, 1):.1%}), "
        f"{1 + accepted / passes:.2f} tokens a pass; {a_pass[plain]:.2f} ms a pass without it, {a_pass[drafted]:.2f} "
        f"with it, which pays from {a_pass[drafted] / a_pass[plain]:.2f} tokens a pass on; speed-up "
        f"{speed[1] / speed[0]:.2f}; {same} of {len(asks)} answers are the same to the last token ({loaded.dtype})"
    )


def compare(loaded: Loaded, prompts: Sequence[Sequence[int]], new: int, results: Results) -> None:
    """In fp32, greedily, against `transformers` token by token."""
    model = Decoder(loaded.model.config).to(loaded.device.torch).eval()
    model.load_state_dict(loaded.model.state_dict())
    wide = Loaded(model, loaded.tokenizer, loaded.device, loaded.tuned, loaded.origin)
    requests = [request_of(loaded, prompt, new) for prompt in prompts]
    with ready(Engine(wide, slots=len(requests))) as engine:
        say(engine, requests)
    wanted = their_way(stock_class(model, torch.float32), prompts, new, {})()
    alike = sum(found.ids == row for found, row in zip(requests, wanted.tolist(), strict=True))
    results.note(f"fp32: {alike} of {len(requests)} greedy answers of {new} tokens equal those of transformers")
    if alike < len(requests):
        results.missing.append(f"fp32: {len(requests) - alike} greedy answers differ from those of transformers")


def llama_cpp(asked: argparse.Namespace, prompt: Sequence[int]) -> Way:
    """The GGUF file on the CPU, with as many threads."""
    from llama_cpp import Llama

    model = Llama(str(asked.gguf), n_ctx=512, n_threads=torch.get_num_threads(), n_gpu_layers=0, verbose=False)

    def run() -> None:
        model.reset()
        assert len(list(islice(model.generate(list(prompt), temp=0.0), asked.new))) == asked.new

    return Way("batch 1", f"{LLAMA}, {asked.gguf.name}, on the CPU", asked.new, run, 3)


def judged(results: Results) -> list[str]:
    """What was to be reached, and whether it is."""
    batches = {figure.what for figure in results.figures if figure.unit == "tokens/s"}
    lines = []
    bars = [("batch 1", STATIC, 2.0), (f"batch {ROWS}", DEFAULT, 10.0)]
    if not results.on_gpu:
        bars = [(what, who, 1.0) for what in sorted(batches) for who in (DEFAULT, STATIC)]
    for what, who, bar in bars:
        mine, other = results.of(what, OURS), results.of(what, who)
        if mine and other:
            held = "held" if mine >= bar * other else "MISSED"
            lines.append(f"{held}: {what}, {mine / other:.2f} times {who}; at least {bar:g} is wanted")
    first = results.of("first token", OURS)
    if first is not None and results.on_gpu:
        lines.append(f"{'held' if first < 50 else 'MISSED'}: first token after {first:.1f} ms; less than 50 is wanted")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
