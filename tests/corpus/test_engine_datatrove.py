"""datatrove's executors make the same bytes as we do alone. Slurm is played by four small programs on the PATH, which
run what they are given on this machine; no cluster was near."""

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("datatrove")

from calame.cli import main
from calame.corpus import engine_datatrove, part
from calame.corpus.chain import Chain
from calame.corpus.engine_datatrove import RayCluster, SlurmCluster, ThisMachine
from calame.corpus.engines import engine_of
from calame.corpus.gather import gather
from calame.corpus.part import Job, lots_of
from calame.corpus.read import SourceReader
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.recipe.schema import CorpusExecution
from slow_steps import Refuses, slow
from support import environment, folder_digest, texts, write_lines

SLOW = slow()
PROGRAMS = {
    # Runs each task of an array one after the other, as the script says; a job that only merges statistics is noted.
    "sbatch": """#!/bin/bash
set -e
script="${@: -1}"
number=$(( $(cat jobs 2>/dev/null || echo 0) + 1 )); echo $number > jobs
cp "$script" job-$number.slurm; echo "$@" > job-$number.args
if grep -q launch_pickled_pipeline "$script"; then
  last=$(sed -n 's/.*--array=0-\\([0-9]*\\).*/\\1/p' "$script")
  for task in $(seq 0 $last); do
    SLURM_ARRAY_TASK_ID=$task SLURM_NODELIST=here SLURM_JOB_ID=$number bash job-$number.slurm >> log 2>&1 || true
  done
fi
echo "Submitted batch job $number"
""",
    "srun": """#!/bin/bash
while [[ "$1" == -* ]]; do [[ "$1" == -n ]] && shift; shift; done
exec "$@"
""",
    "squeue": "#!/bin/bash\nexit 1\n",
    "scontrol": "#!/bin/bash\necho here\n",
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(part, "PART_BYTES", 3000)
    monkeypatch.setattr(engine_datatrove, "POLL", 0.01)


@pytest.fixture
def sources(tmp_path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        write_lines(folder / f"{number}.jsonl", [{"text": text} for text in texts(number, 25, 3)])
    return folder


@pytest.fixture
def slurm(tmp_path, monkeypatch) -> Path:
    """A folder with the programs, where they also leave what they were given."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    tests = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", f"{environment()['PYTHONPATH']}:{tests}")
    return folder


def reader_of(sources: Path) -> SourceReader:
    return SourceReader("a", Source.model_validate({"from": str(sources)}), ["fr"], 1)


def gathered(sources: Path, folder: Path, engine=None, make_chain=SLOW) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    gather(reader_of(sources), folder, make_chain, engine)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_the_local_executor_makes_what_one_process_makes(sources, tmp_path, workers):
    one = gathered(sources, tmp_path / "one", make_chain=slow(signed=True))
    two = gathered(sources, tmp_path / "two", ThisMachine(workers), slow(signed=True))
    assert folder_digest(one) == folder_digest(two)


def test_a_mistake_in_a_task_is_told_as_one(sources, tmp_path):
    with pytest.raises(UserError, match="no such word list"):
        gathered(sources, tmp_path / "out", ThisMachine(1), refusing)
    assert not (tmp_path / "out/ledger.json").exists()


def refusing() -> Chain:
    return Chain((Refuses(),))


def test_slurm_makes_what_one_process_makes(sources, tmp_path, slurm):
    one = gathered(sources, tmp_path / "one")
    two = gathered(sources, tmp_path / "two", SlurmCluster(7, "cpu-long", 5400.0, 3_500_000_000))
    assert folder_digest(one) == folder_digest(two)
    script = (slurm / "job-1.slurm").read_text()
    for line in ("partition=cpu-long", "time=01:30:00", "mem-per-cpu=4G", "array=0-2%7", "job-name=calame-a"):
        assert f"#SBATCH --{line}\n" in script, line
    assert "launch_pickled_pipeline" in script and str(Path(sys.executable).parent) in script


def test_slurm_jobs_that_fail_are_named_and_gone_on_from(sources, tmp_path, slurm, monkeypatch):
    one = gathered(sources, tmp_path / "one")
    good = (slurm / "srun").read_text()
    (slurm / "srun").write_text('#!/bin/bash\n[[ "$SLURM_ARRAY_TASK_ID" == 1 ]] && exit 1\n' + good.split("\n", 1)[1])
    monkeypatch.setattr(engine_datatrove, "PATIENCE", 2)
    with pytest.raises(UserError, match="the job ended without part 1 of a"):
        gathered(sources, tmp_path / "two", SlurmCluster(None, "p", 60.0, 1_000_000_000))
    (slurm / "srun").write_text(good)
    gathered(sources, tmp_path / "two", SlurmCluster(None, "p", 60.0, 1_000_000_000))
    assert "array=0-0\n" in (slurm / "job-3.slurm").read_text(), "only what was missing"
    assert folder_digest(one) == folder_digest(tmp_path / "two")


def test_a_job_in_the_queue_is_waited_for_and_not_sent_again(sources, tmp_path, slurm):
    folder = tmp_path / "two"
    job = Job(reader_of(sources), lots_of(reader_of(sources)), slow(), folder)
    (folder / "parts").mkdir(parents=True)
    (folder / "parts/.slurm-job").write_text("17")
    # The third look at the queue finds the job done: by then it has made the parts.
    (slurm / "squeue").write_text(
        "#!/bin/bash\necho look >> looks\n"
        "if [[ $(wc -l < looks) == 3 ]]; then\n"
        f'  cp -r "{tmp_path}/ready/parts/." "{folder}/parts/"\n  exit 1\nfi\necho 17\n'
    )
    made = Job(job.reader, job.lots, job.make_chain, tmp_path / "ready")
    for number in range(len(job.lots)):
        part.make_part(made, number, job.make_chain(), lambda size: None)
    gathered(sources, folder, SlurmCluster(None, "p", 60.0, 1_000_000_000))
    assert not (slurm / "jobs").exists(), "nothing was sent"


def test_no_slurm_here_is_said(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no sbatch here"):
        gathered(sources, tmp_path / "out", SlurmCluster(None, "p", 60.0, 1_000_000_000))


def test_ray_is_constructed(sources, tmp_path):
    job = Job(reader_of(sources), lots_of(reader_of(sources)), slow(), tmp_path)
    executor = RayCluster(3, 2_000_000_000).executor(job, [0, 1, 2])
    assert (executor.world_size, executor.workers, executor.mem_per_cpu_gb) == (3, 3, 2.0)


def test_the_recipe_chooses():
    asked = CorpusExecution(engine="slurm", workers=9, partition="cpu", time="2h", memory="8GB")  # type: ignore
    assert engine_of(asked) == SlurmCluster(9, "cpu", 7200.0, 8_000_000_000)
    assert engine_of(CorpusExecution(engine="ray")) == RayCluster(None, 4_000_000_000)
    assert engine_of(CorpusExecution(engine="datatrove", workers=2)) == ThisMachine(2)


def test_who_works_on_it_changes_no_fingerprint_and_no_byte(toy, capsys):
    def corpus_of(runs: str, *overrides: str) -> str:
        assert main(["run", recipe, "--to", "corpus", f"execution.runs={runs}", *overrides]) == 0
        folders = [path for path in Path(runs, ".store").glob("corpus*/*") if path.is_dir()]
        for path in folders:
            (path / "done.json").rename(path.with_name(f"{path.name}.done"))  # it tells the time
        found = {str(path.relative_to(runs)): folder_digest(path) for path in folders}
        for path in folders:
            path.with_name(f"{path.name}.done").rename(path / "done.json")
        return str(found)

    recipe = toy.recipe()
    here = corpus_of("one")
    assert corpus_of("two", "execution.corpus.engine=datatrove") == here
    assert corpus_of("three", "execution.corpus.workers=2") == here
    capsys.readouterr()
    assert corpus_of("one", "execution.corpus.engine=datatrove") == here
    assert "corpus/contes: up to date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("execution.corpus.engine=slurm", "execution.corpus.partition"),
        ("execution.corpus.engine=spark", "execution.corpus.engine"),
        ("execution.corpus.workers=0", "execution.corpus.workers"),
    ],
)
def test_what_an_engine_lacks_is_said_before_anything_is_read(toy, capsys, override, said):
    assert main(["run", toy.recipe(), "--to", "corpus", override]) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()
