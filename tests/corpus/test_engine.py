"""Engines: whoever makes the parts of a source, however often they were killed, the bytes are the same."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from calame.corpus import engine as engine_module
from calame.corpus import gather as gather_module
from calame.corpus import part
from calame.corpus.chain import Chain
from calame.corpus.engine import Local
from calame.corpus.gather import gather, read_documents, read_keys
from calame.corpus.ledger import SourceLedger, Tally
from calame.corpus.read import SourceReader
from calame.recipe.corpus import Source
from calame.recipe.errors import UserError
from calame.run.files import read_json
from slow_steps import Dies, Refuses, sign, slow
from support import Toy, environment, folder_digest, texts, write_lines

SLOW = slow()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts and batches so small that little text makes many."""
    monkeypatch.setattr(part, "PART_BYTES", 6000)
    monkeypatch.setattr(part, "BATCH", 1500)


@pytest.fixture
def sources(tmp_path) -> Path:
    """Nine files, one of them much larger than the others, with broken lines and empty records among them."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(9):
        rows = [{"text": text, "n": number} for text in texts(number, 400 if number == 4 else 20, 3)]
        rows[3:3] = [{"text": " "}, {"other": 1}]
        write_lines(folder / f"{number}.jsonl", rows)
        with (folder / f"{number}.jsonl").open("a") as file:
            file.write("{broken\n")
    return folder


def gathered(sources: Path, folder: Path, engine=None, make_chain=SLOW, **keys) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    source = Source.model_validate({"from": str(sources), "language": "fr", **keys})
    gather(SourceReader("a", source, ["fr"], 1), folder, make_chain, engine)
    return folder


def test_several_processes_make_what_one_makes(sources, tmp_path):
    one = gathered(sources, tmp_path / "one", make_chain=slow(signed=True))
    two = gathered(sources, tmp_path / "two", Local(2), slow(signed=True))
    assert folder_digest(one) == folder_digest(two)
    assert sorted(path.name for path in one.iterdir()) == [
        "documents.jsonl.zst",
        "keys.npy",
        "ledger.json",
        "rejects.jsonl.zst",
        "signatures.u4",
    ]
    documents, keys, signatures = list(read_documents(one)), read_keys(one), np.fromfile(one / "signatures.u4", "<u4")
    assert [bytes(key) for key in keys["hash"]] == [document.hash for document in documents]
    assert np.array_equal(signatures.reshape(-1, 3), [sign(document.text) for document in documents])


def test_parts_make_what_a_whole_makes(sources, tmp_path, monkeypatch):
    """But for where frames of compression end, how a source is cut changes nothing."""
    cut = gathered(sources, tmp_path / "cut")
    monkeypatch.setattr(part, "PART_BYTES", 1 << 40)
    whole = gathered(sources, tmp_path / "whole")
    assert list(read_documents(cut)) == list(read_documents(whole))
    assert (cut / "keys.npy").read_bytes() == (whole / "keys.npy").read_bytes()
    assert read_json(cut / "ledger.json") == read_json(whole / "ledger.json")
    np.save(tmp_path / "saved.npy", read_keys(cut))
    assert (tmp_path / "saved.npy").read_bytes() == (cut / "keys.npy").read_bytes()


@pytest.mark.parametrize("limit", [1, 19, 20, 21, 300, 559, 560, 5000])
def test_a_limit_is_exact_over_parts_and_processes(sources, tmp_path, limit):
    engine = Local(2) if limit == 300 else None
    found = gathered(sources, tmp_path / "out", engine, limit=limit)
    source = Source.model_validate({"from": str(sources), "language": "fr", "limit": limit})
    read = list(SourceReader("a", source, ["fr"], 1).read())
    ledger = SourceLedger.from_json(read_json(found / "ledger.json"))
    assert ledger.came.documents == len(read)
    documents = (
        sum(tally.documents for tally in ledger.kept.values()) + ledger.dropped.get("unlucky", Tally()).documents
    )
    assert documents == min(limit, 8 * 20 + 400)


def test_little_work_and_reading_alone_need_no_processes(sources, tmp_path, monkeypatch):
    def never(*arguments):
        raise AssertionError("a process was started")

    monkeypatch.setattr(engine_module, "_processes", never)
    gathered(sources, tmp_path / "auto", Local())
    gathered(sources / "4.jsonl", tmp_path / "no-steps", Local(2), make_chain=Chain)


def test_a_mistake_found_in_another_process_is_told_as_one(sources, tmp_path):
    with pytest.raises(UserError, match="no such word list"):
        gathered(sources, tmp_path / "out", Local(2), make_chain=chain_with(Refuses()))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_process_that_dies_is_named(sources, tmp_path):
    with pytest.raises(UserError, match=r"execution\.corpus\.workers=1"):
        gathered(sources, tmp_path / "out", Local(2), make_chain=chain_with(Dies()))


def chain_with(step) -> part.MakeChain:
    return partial(Chain, (step,))


def test_finished_parts_are_not_made_again(sources, tmp_path, monkeypatch):
    whole = gathered(sources, tmp_path / "whole")
    read: list[int] = []
    first = SourceReader.read_part

    def stops(self, index, most=None):
        read.append(index)
        if len(read) == 8:
            raise KeyboardInterrupt
        return first(self, index, most)

    monkeypatch.setattr(SourceReader, "read_part", stops)
    with pytest.raises(KeyboardInterrupt):
        gathered(sources, tmp_path / "out")
    done = [path.name for path in sorted((tmp_path / "out/parts").iterdir())]
    assert done and not (tmp_path / "out/ledger.json").exists()
    read.append(-1)  # from here on nothing stops
    gathered(sources, tmp_path / "out")
    assert len(read) - 9 < 9 and read[7] in read[9:]
    assert folder_digest(tmp_path / "out") == folder_digest(whole)


def test_a_stop_at_any_moment_of_joining_parts_changes_nothing(sources, tmp_path, monkeypatch):
    """Before and after each file is put in place, and while the parts are removed."""
    sources = sources / "[0-3].jsonl"
    whole = gathered(sources, tmp_path / "whole")
    for number in range(100):
        calls = iter(range(number + 1))
        out = tmp_path / f"out{number}"
        with monkeypatch.context() as patched:
            for name in ("atomic", "write_json", "_copy", "shutil.rmtree"):
                patched.setattr(f"calame.corpus.gather.{name}", stopping(getattr_of(gather_module, name), calls))
            try:
                gathered(sources, out)
            except KeyboardInterrupt:
                pass
            else:
                break
        gathered(sources, out)
        assert folder_digest(out) == folder_digest(whole), number
    assert number > 5


def stopping(call, calls):
    """The call, until there are none left: then Ctrl-C, before it has any effect."""

    def stops(*arguments, **more):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return call(*arguments, **more)

    return stops


def getattr_of(module, path: str):
    for name in path.split("."):
        module = getattr(module, name)
    return module


def test_a_kill_after_the_end_leaves_only_parts_to_remove(sources, tmp_path):
    found = gathered(sources, tmp_path / "out")
    before = folder_digest(found)
    (found / "parts/00003").mkdir(parents=True)
    gathered(sources, found)
    assert folder_digest(found) == before


# Killed by the real command


def recipe_of(folder: Path, workers: int) -> None:
    """Two sources of several files."""
    for name, seed in (("contes", 1), ("fiabe", 2)):
        (folder / name).mkdir(parents=True)
        for number in range(16):
            rows = [{"text": text} for text in texts(20 * seed + number, 250 if number == 2 else 25, 3)]
            write_lines(folder / name / f"{number}.jsonl", rows)
    Toy(folder, documents=None).recipe(
        corpus__sources={
            "contes": {"from": "contes", "language": "fr"},
            "fiabe": {"from": "fiabe", "language": "it"},
        },
        execution__corpus={"workers": workers},
    )
    toy = Toy(folder / "rest")
    for name in ("chat.jsonl", "questions.jsonl"):
        (toy.folder / name).rename(folder / name)


def slow_calame(folder: Path, seconds: float) -> subprocess.Popen:
    command = [sys.executable, str(Path(__file__).parents[1] / "slow_calame.py"), "run", "toy.yaml", "--to", "corpus"]
    pipe = subprocess.PIPE
    variables = environment(SLOW=str(seconds), PULSE=str(folder / "pulse"))
    return subprocess.Popen(command, cwd=folder, env=variables, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def corpus_digest(folder: Path) -> str:
    """Of all outputs in the store but for done.json, which tells the time."""
    store = folder / "runs/.store"
    for path in store.rglob("done.json"):
        path.unlink()
    (store / "hashes.json").unlink(missing_ok=True)
    return folder_digest(store)


@pytest.mark.parametrize(
    ("kills", "workers"),
    [(4, 2), pytest.param(20, 2, marks=pytest.mark.slow), pytest.param(20, 1, marks=pytest.mark.slow)],
)
def test_a_corpus_killed_again_and_again_is_as_if_it_had_not_been(tmp_path, kills, workers):
    """Killed after a random number of documents, when another part is finished, or after a random time; too early for
    the whole to be done, since the largest file of each source has 250 documents."""
    for name in ("whole", "killed"):
        recipe_of(tmp_path / name, workers)
    process = slow_calame(tmp_path / "whole", 0.0)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    draw, went_on = random.Random(kills), 0
    for number in range(kills):
        process = slow_calame(tmp_path / "killed", 0.005)
        if number % 4 == 3:
            time.sleep(draw.uniform(0, 1.5))
        elif number % 4 == 1:
            wait_until_more(lambda: finished_parts(tmp_path / "killed"), 1, process)
        else:
            wait_until_more(lambda: worked_on(tmp_path / "killed"), draw.randint(1, 40), process)
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, said
        went_on += "are there already" in said
    process = slow_calame(tmp_path / "killed", 0.0)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert went_on + said.count("are there already"), "never killed between two parts"
    assert corpus_digest(tmp_path / "killed") == corpus_digest(tmp_path / "whole")


def wait_until_more(count: Callable[[], int], more: int, process: subprocess.Popen) -> None:
    before = count()
    while process.poll() is None and count() < before + more:
        time.sleep(0.005)


def worked_on(folder: Path) -> int:
    """Documents that went through the slow step, in whatever process."""
    return (folder / "pulse").stat().st_size if (folder / "pulse").exists() else 0


def finished_parts(folder: Path) -> int:
    return len(list((folder / "runs/.store").glob("corpus.*/*/parts/[0-9]*")))


def test_processes_leave_with_the_one_that_started_them(tmp_path):
    recipe_of(tmp_path, 2)
    process = slow_calame(tmp_path, 5.0)
    children: list[int] = []
    for _ in range(400):
        time.sleep(0.05)
        children = children_of(process.pid)
        if len(children) >= 3:  # two that work, and multiprocessing's own tracker
            break
    assert len(children) >= 3
    process.kill()
    process.communicate()
    for _ in range(200):
        if not any(Path(f"/proc/{child}/cmdline").exists() and alive(child) for child in children):
            return
        time.sleep(0.05)
    pytest.fail("they are still there")


def children_of(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(number) for number in tasks.read_text().split()] if tasks.exists() else []


def alive(process: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
