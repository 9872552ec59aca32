"""Engines that are datatrove's executors: on this machine, on Slurm, on Ray. Each task makes one part of the source.

The one step of the pipeline is ours, and so is everything in it: none of datatrove's own filters is used, which would
split words with spaCy (absent by default for French and Italian, ten times slower where present). Clusters need a
folder that all machines see at the same path: the run's, the text's and Calame's own.

ThisMachine is tested against the local engine; SlurmCluster with stand-ins for sbatch, squeue and srun on one machine;
RayCluster is only constructed. None of the two was run on a cluster.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from calame.corpus.engine import Advance, cores
from calame.corpus.part import Job, came_of, make_part
from calame.recipe.errors import Problem, UserError, refuse
from calame.run.files import read_json, write_json
from calame.run.progress import say
from calame.run.stage import PARTS

POLL = 5.0  # seconds between two looks at a cluster's queue
PATIENCE = 12  # looks after a job is gone: what it wrote may be seen late over a network


class MakeParts(PipelineStep):
    """Makes a job's parts, those of a task's rank. What the user can mend is left in a file, to be told at home."""

    name = "calame"
    type = "parts"

    def __init__(self, job: Job, numbers: Sequence[int]):
        super().__init__()
        self.job, self.numbers = job, list(numbers)

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        chain = self.job.make_chain()
        for number in self.numbers[rank::world_size]:
            try:
                make_part(self.job, number, chain, lambda size: None)
            except UserError as error:
                write_json(_errors(self.job) / f"{number:05d}.json", [vars(problem) for problem in error.problems])
        yield from data or ()


def _errors(job: Job) -> Path:
    return job.folder / PARTS / ".errors"


def _logs(job: Job) -> Path:
    return job.folder / PARTS / ".datatrove"


@dataclass(frozen=True)
class _Datatrove(ABC):
    workers: int | None

    def make(self, job: Job, numbers: Sequence[int], advance: Advance) -> None:
        if not numbers:
            return
        self.launch(job, numbers)
        _raise_errors(job)
        for number in numbers:
            if not job.path(number).is_dir():
                raise refuse(
                    "execution.corpus.engine",
                    f"the job ended without part {number} of {job.reader.name}",
                    remedy=f"its log is in {_logs(job)}; the same command goes on with what is missing",
                )
            advance(came_of(job, number))

    @abstractmethod
    def launch(self, job: Job, numbers: Sequence[int]) -> None:
        """Make the parts, and come back when that is over."""

    def _common(self, job: Job, numbers: Sequence[int]) -> dict[str, Any]:
        return {
            "pipeline": [MakeParts(job, numbers)],
            "tasks": len(numbers),
            "logging_dir": str(_logs(job).absolute()),
            "skip_completed": False,  # what is there is known by the parts themselves
        }


@dataclass(frozen=True)
class ThisMachine(_Datatrove):
    def executor(self, job: Job, numbers: Sequence[int]) -> LocalPipelineExecutor:
        return LocalPipelineExecutor(
            **self._common(job, numbers), workers=min(self.workers or cores(), len(numbers)), start_method="spawn"
        )

    def launch(self, job: Job, numbers: Sequence[int]) -> None:
        self.executor(job, numbers).run()


@dataclass(frozen=True)
class RayCluster(_Datatrove):
    """Not run on a cluster."""

    memory: int

    def executor(self, job: Job, numbers: Sequence[int]) -> RayPipelineExecutor:
        return RayPipelineExecutor(
            **self._common(job, numbers), workers=self.workers or -1, mem_per_cpu_gb=self.memory / 1e9
        )

    def launch(self, job: Job, numbers: Sequence[int]) -> None:
        self.executor(job, numbers).run()


@dataclass(frozen=True)
class SlurmCluster(_Datatrove):
    """An array of jobs, one a part. Not run on a cluster."""

    partition: str
    time: float  # seconds
    memory: int

    def executor(self, job: Job, numbers: Sequence[int]) -> SlurmPipelineExecutor:
        hours, rest = divmod(int(self.time), 3600)
        return SlurmPipelineExecutor(
            **self._common(job, numbers),
            workers=self.workers or -1,
            time=f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}",
            partition=self.partition,
            mem_per_cpu_gb=-(-self.memory // 1_000_000_000),
            job_name=f"calame-{job.reader.name}",
            qos="",  # the partition's own
            env_command=f'export PATH="{Path(sys.executable).parent}:$PATH"',
        )

    def launch(self, job: Job, numbers: Sequence[int]) -> None:
        """Put the jobs into the queue, unless a killed command before this one has, and wait for them."""
        for program in ("sbatch", "squeue"):
            if shutil.which(program) is None:
                raise refuse("execution.corpus.engine", f"slurm: no {program} here", remedy="start it on a login node")
        noted = job.folder / PARTS / ".slurm-job"
        if noted.is_file() and _in_queue(identity := noted.read_text(encoding="utf-8")):
            say(f"  {job.reader.name}: Slurm job {identity} of an earlier command is in the queue; waiting for it")
            _wait(job, numbers, identity)
        missing = [number for number in numbers if not job.path(number).is_dir()]
        if missing and not _errors(job).is_dir():
            executor = self.executor(job, missing)
            executor.run()
            noted.write_text(str(executor.job_id), encoding="utf-8")
            say(f"  {job.reader.name}: Slurm job {executor.job_id}, {len(missing)} parts; waiting for it")
            _wait(job, missing, str(executor.job_id))


def _wait(job: Job, numbers: Sequence[int], identity: str) -> None:
    """Until all parts are there, or the job is over."""
    looks = PATIENCE
    while looks and not all(job.path(number).is_dir() for number in numbers):
        time.sleep(POLL)
        if not _in_queue(identity):
            looks = 0 if _errors(job).is_dir() else looks - 1


def _in_queue(identity: str) -> bool:
    found = subprocess.run(["squeue", "-h", "-j", identity], capture_output=True, text=True)
    return found.returncode == 0 and bool(found.stdout.strip())


def _raise_errors(job: Job) -> None:
    """Tell what tasks could not do by the user's mistake, all at once."""
    files = sorted(_errors(job).glob("*.json"))
    problems = [Problem(**problem) for path in files for problem in read_json(path)]
    shutil.rmtree(_errors(job), ignore_errors=True)
    if problems:
        raise UserError(list(dict.fromkeys(problems)))
