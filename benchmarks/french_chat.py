"""A French chat model at two sizes, and everything that is measured of it, in one job: python benchmarks/french_chat.py

Walks `french-chat` (145.7M) and, beside it, `french-chat-30m`, which reads by the same tokenizer and shards: text to
tuned models, the decoding search, evaluation with all offline tasks and the canaries that were put into the text, a
transcript of fifty prompts, the release, then speeds of generation and behaviour, and why which checkpoint.
CALAME_DATA holds corpus/, instruct/ and evals/; sources of the recipe whose files are not there are left out, and said.

One card is enough; where there are two, the second one trains the small model and takes the timings of the large one.
Everything has to end within --seconds: what is left is given to each step, what cannot begin is said, and the same
command goes on later. Nothing is trained before both recipes have been checked. Logs, figures and the reports go to
--out, the small model's release too, in pieces of --piece MiB (cat them together; zstd, tar).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import yaml
import zstandard

HERE = Path(__file__).parent
LARGE, SMALL = "french-chat", "french-chat-30m"
TUNING = ("fr-oasst-top1-chat", "fr-seed-tasks", "fr-doremiti-instructions", "fr-openquizzdb-alpaca")
KEPT = (
    "evaluation",
    "decoding",
    "comparison",
    "metrics.jsonl",
    "selected.json",
    "recipe.yaml",
    "report.html",
    "ledger.json",
)
CANARIES = "corpus.inject={canary: {number: 10, rate: 1%}}"
LEAST = 15.0  # seconds that must be left to begin something


class Job:
    """Steps one after the other, each with its log, within so many seconds."""

    def __init__(self, asked: argparse.Namespace):
        self.asked, self.began, self.failed = asked, time.monotonic(), list[str]()
        self.cards = torch.cuda.device_count()
        self.what = repr({key: value for key, value in sorted(vars(asked).items()) if key not in ("seconds", "out")})
        self.logs = asked.out / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.runs = Path(asked.runs)
        data = os.environ.get("CALAME_DATA")
        if not data:
            raise SystemExit("error: CALAME_DATA is not set: the folder with corpus/, instruct/ and evals/")
        self.data = Path(data)
        self.keys = [
            *absent(self.data),
            CANARIES,
            f"execution.runs={asked.runs}",
            "execution.keep=8",
            *asked.override,
        ]

    def left(self) -> float:
        return self.asked.seconds - (time.monotonic() - self.began)

    def say(self, *words: object) -> None:
        line = f"[{time.monotonic() - self.began:6.1f}] {' '.join(map(str, words))}"
        print(line, flush=True)
        with (self.logs / "times.txt").open("a") as file:
            file.write(line + "\n")

    def call(self, name: str, command: Sequence[str], least: float = LEAST, second: bool = False) -> bool:
        """Whether it ended well, on the first card or the second. Its output goes to logs/NAME.txt. A walk finds by
        itself what is there; all else is made once by the same command."""
        made = self.runs / "made" / name
        if made.exists() and made.read_text() == self.what:
            self.say(name, "made before")
            return True
        if self.left() < least:
            self.say(name, "no time")
            self.failed.append(name)
            return False
        start = time.monotonic()
        with (self.logs / f"{name}.txt").open("a") as log:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            where = {"CUDA_VISIBLE_DEVICES": str(int(second))} if self.cards > 1 else {}
            try:
                code = subprocess.run(
                    command, stdout=log, stderr=subprocess.STDOUT, timeout=self.left(), env={**os.environ, **where}
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
        self.failed += [name] if code else []
        if code == 0 and name not in (LARGE, SMALL):
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(self.what)
        self.say(name, "done" if code == 0 else f"FAILED ({code})", f"in {time.monotonic() - start:.1f} s")
        return code == 0

    def calame(self, name: str, *words: str, second: bool = False) -> bool:
        return self.call(name, [sys.executable, "-m", "calame", *words], second=second)

    def bench(self, name: str, script: str, *words: str, least: float = LEAST, second: bool = False) -> bool:
        return self.call(name, [sys.executable, str(HERE / script), *words], least, second)

    def run(self, recipe: str, *words: str) -> bool:
        """GGUF files of the small model are made where its release is taken: with them it is three times as much."""
        own = [f"pretrain.tokens={self.asked.tokens}"]
        if recipe == SMALL:
            own = [f"pretrain.tokens={self.asked.small_tokens}", "release.gguf=[]"]
        return self.calame(recipe, "run", recipe, *self.keys, *own, *words, second=recipe == SMALL)

    def transcript(self, recipe: str) -> None:
        found = self.runs / recipe / "decoding" / "recommended_decoding_params.json"
        files = [str(self.data / "instruct" / f"{name}.jsonl.zst") for name in TUNING]
        decoding = ["--decoding", str(found)] if found.is_file() else []
        words = ["--out", str(self.asked.out / f"transcript-{recipe}.md"), "--tuning", *files, *decoding]
        self.bench(f"transcript-{recipe}", "transcript.py", str(self.runs / recipe), *words, second=recipe == SMALL)

    def speeds(self) -> None:
        """Of the large model: generation with the small one as its draft, the behaviour suite, why it was chosen."""
        run, quick = str(self.runs / LARGE), ["--quick"] if self.asked.quick else []
        models = quick or ["--model", run, "--draft", str(self.runs / SMALL)]
        told = [str(self.logs / f"{name}.json") for name in ("generation", "behaviour")]
        self.bench("generation", "generation.py", *models, "--out", told[0], least=40, second=True)
        self.bench("behaviour", "behaviour.py", "--model", run, "--to", told[1], *quick, second=True)
        self.calame("compare", "compare", run, second=True)

    def keep(self) -> None:
        """What is small of both runs into one archive, as often as something is added."""
        found = [self.runs / recipe / part for recipe in (LARGE, SMALL) for part in KEPT]
        if not (self.runs / LARGE / "evaluation").exists():
            found.append(self.runs / ".store" / "evaluation")  # what is measured of it so far
        pack([self.logs, *filter(Path.exists, found)], self.asked.out / "results.tar.zst")


def absent(data: Path) -> list[str]:
    """Overrides that leave out the sources whose files are not there."""
    recipe = yaml.safe_load((HERE.parent / "src/calame/recipes/french-small.yaml").read_text())
    sources = recipe["corpus"]["sources"]
    place = "${CALAME_DATA}/"
    without = [name for name, keys in sources.items() if not any(data.glob(keys["from"].removeprefix(place)))]
    print("left out, not in CALAME_DATA:", ", ".join(without) or "nothing", flush=True)
    return [f"corpus.sources.{name}=null" for name in without]


def pack(paths: Iterable[Path], target: Path) -> None:
    """A tar of these, zstd; links are followed."""
    command = ["tar", "-ch", *map(str, paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tar, target.open("wb") as file:
        assert tar.stdout is not None
        zstandard.ZstdCompressor(6, threads=-1).copy_stream(tar.stdout, file)
    if tar.returncode > 1:  # 1: a file grew while it was read
        raise OSError(f"{target}: tar ended with {tar.returncode}")


def split(file: Path, size: int) -> None:
    """Into FILE.00, FILE.01, ..., and the file itself goes."""
    with file.open("rb") as whole:
        for number, piece in enumerate(iter(lambda: whole.read(size), b"")):
            file.with_name(f"{file.name}.{number:02}").write_bytes(piece)
    file.unlink()


def small(job: Job, tasks: str) -> None:
    """The small model, while the large one trains."""
    if job.run(SMALL, "--to", "sft/chat") and job.run(SMALL, tasks):
        archive = job.asked.out / "small.tar.zst"
        pack([job.runs / SMALL / "release"], archive)
        split(archive, job.asked.piece * 2**20)
        job.transcript(SMALL)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--tokens", default="84M", help="of the large model's pretraining")
    parser.add_argument("--small-tokens", default="84M")
    parser.add_argument("--tasks", default="offline")
    parser.add_argument("--piece", type=int, default=15, help="MiB")
    parser.add_argument("--quick", action="store_true", help="a rehearsal: speeds of toys")
    parser.add_argument("override", nargs="*", help="a.b=c: changes to both recipes")
    job = Job(asked := parser.parse_args())
    tasks, folder = f"evaluation.tasks=[{asked.tasks}]", f"evaluation.folder={job.data / 'evals'}"
    job.keys.append(folder)
    if not all(job.run(recipe, tasks, "--dry-run") for recipe in (LARGE, SMALL)):
        print((job.logs / f"{LARGE}.txt").read_text())
        return 1
    if not job.run(LARGE, "--to", "shards"):
        return 1
    other = threading.Thread(target=small, args=(job, tasks))
    other.start()
    tuned = job.run(LARGE, "--to", "sft/chat")
    other.join()
    job.keep()
    if not tuned:
        return 1
    run = str(job.runs / LARGE)
    speeds = threading.Thread(target=job.speeds)
    if job.cards > 1:
        speeds.start()
    search = ("--chat", "--languages", "fr", "--settings", "10", "--number", "100", "--limit", "200")
    job.calame("search", "search-decoding", run, *search)
    job.transcript(LARGE)
    job.keep()
    job.run(LARGE, tasks)
    job.keep()
    if job.cards < 2:
        speeds.start()
    speeds.join()
    job.keep()
    shutil.rmtree(job.logs)  # they are in the archive
    if job.failed:
        print("failed, or missed a bar:", ", ".join(job.failed))
    return 1 if job.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
