"""Many streams at once against `calame serve`: python benchmarks/serving.py --model petit-monde [--runs DIR]

The server is a process of its own, as users start it. Each question is asked alone first; then --streams clients ask
without a pause for --seconds, each a different question at any moment, and every answer is held against the one that
was given alone (greedy). Told are the errors, the answers that differ, tokens a second, the time to the first piece,
and the server's memory over time: flat means that after a quarter of the time it grows by less than --growth.
Exit code 1 where something failed, differed or grew. Clients and server share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from openai import AsyncOpenAI

from calame.corpus import petit_monde

EVERY = 5.0  # seconds between two looks at the memory


@dataclass
class Seen:
    """What the clients saw. first, whole: seconds of each answer to its first piece and its end."""

    alone: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    differing: list[tuple[str, str]] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    tokens: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB


def main() -> int:
    asked = _arguments()
    rows = petit_monde.rows("questions", seed=asked.seed, size=2_400_000)
    questions = [str(row["question"]) for row in islice(rows, 2 * asked.streams)]
    with served(asked) as (url, name, pid):
        seen = asyncio.run(
            _measure(asked, AsyncOpenAI(base_url=url, api_key="none", max_retries=0), name, pid, questions)
        )
    return tell(seen, asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="petit-monde", help="a run, a checkpoint or a Hugging Face folder")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--slots", type=int, default=32, help="of the server")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--growth", type=float, default=0.02, help="share of the memory (0.02)")
    parser.add_argument("--seed", type=int, default=2028, help="of the world that is asked about (the demo's: 2028)")
    return parser.parse_args()


@contextmanager
def served(asked: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """A server on a free port: the base URL for clients, the model's name, the process."""
    command = [sys.executable, "-m", "calame", "serve", asked.model, "--runs", asked.runs, "--port", "0"]
    command += ["--temperature", "0", "--slots", str(asked.slots), "--name", "measured"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        for line in process.stdout:
            print(line, end="")
            if found := re.search(r"http://\S+/v1", line):
                yield found[0], "measured", process.pid
                break
        else:
            raise SystemExit("the server did not start")
    finally:
        process.terminate()
        process.wait()


async def _measure(asked: argparse.Namespace, client: AsyncOpenAI, name: str, pid: int, questions: list[str]) -> Seen:
    seen = Seen()
    for question in questions:
        seen.alone[question] = await _answer(client, name, question, Seen())
    print(f"{len(questions)} questions asked alone, {len(set(seen.alone.values()))} different answers")
    begin = time.perf_counter()

    async def talk(number: int) -> None:
        turn = number
        while time.perf_counter() - begin < asked.seconds:
            question = questions[turn % len(questions)]
            turn += 1
            try:
                found = await _answer(client, name, question, seen)
            except Exception as error:  # whatever it is, it is what this looks for
                seen.errors.append(f"{type(error).__name__}: {error}")
                continue
            if found != seen.alone[question]:
                seen.differing.append((question, found))

    async def watch() -> None:
        while True:
            seen.memory.append((time.perf_counter() - begin, memory_of(pid)))
            await asyncio.sleep(EVERY)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(talk(number) for number in range(asked.streams)))
    watching.cancel()
    seen.memory.append((time.perf_counter() - begin, memory_of(pid)))
    return seen


async def _answer(client: AsyncOpenAI, name: str, question: str, seen: Seen) -> str:
    begin, text, first = time.perf_counter(), "", 0.0
    stream = await client.chat.completions.create(
        model=name,
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.usage:
            seen.tokens += chunk.usage.completion_tokens
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter() - begin
            text += chunk.choices[0].delta.content
    seen.first.append(first)
    seen.whole.append(time.perf_counter() - begin)
    return text


def memory_of(pid: int) -> float:
    """Resident memory, MB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1000


def tell(seen: Seen, asked: argparse.Namespace) -> int:
    end, last = seen.memory[-1]
    settled = next(megabytes for second, megabytes in seen.memory if second >= min(asked.seconds / 4, end))
    growth = last / settled - 1

    def percentiles(seconds: list[float]) -> str:
        cuts = statistics.quantiles(seconds, n=20)
        return f"{1000 * statistics.median(seconds):.0f} ms, 95th percentile {1000 * cuts[-1]:.0f} ms"

    rate = f"{seen.tokens:,} tokens, {seen.tokens / end:,.0f} a second"
    print(f"{asked.streams} streams for {end:.0f} s: {len(seen.whole):,} answers, {rate}")
    print(f"errors: {len(seen.errors)}; answers other than alone: {len(seen.differing)}")
    print(f"first piece: {percentiles(seen.first)}; whole answer: {percentiles(seen.whole)}")
    print("memory, MB: " + ", ".join(f"{second:.0f} s {megabytes:.1f}" for second, megabytes in seen.memory))
    print(f"growth after the first quarter: {growth:+.2%}")
    for wrong in [*seen.errors[:5], *map(json.dumps, seen.differing[:5])]:
        print(wrong)
    return int(bool(seen.errors or seen.differing or growth > asked.growth))


if __name__ == "__main__":
    sys.exit(main())
