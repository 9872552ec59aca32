"""What each stage makes of a fixed sample, held against tests/golden.json with the version of the stage's behaviour.

A result is found again by its fingerprint, and the version stands in it for the code. So a stage whose output changes
must change its version, or what was made before would be taken for what the code makes now. After raising one in
`calame.road.versions.VERSIONS`: python tests/test_golden.py --record
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from calame.cli import main
from calame.corpus import petit_monde
from calame.corpus.gather import read_documents
from calame.corpus.inject.stage import inject
from calame.corpus.quality.heuristic import HeuristicScorer
from calame.corpus.quality.stage import score_documents
from calame.evaluation.compare.files import Comparison
from calame.evaluation.compare.verb import choose
from calame.recipe.injection import Injection
from calame.recipe.load import load_recipe
from calame.road.stages import build_road
from calame.road.versions import VERSIONS
from calame.run import checkpoint, telemetry
from calame.run.files import digest, read_json
from calame.run.folder import RunFolder
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.pretrain import training_stream
from calame.tuning.dpo import prefer

GOLDEN = Path(__file__).with_name("golden.json")
RECORD = "python tests/test_golden.py --record"
BEFORE = {  # whose output a stage reads
    "petit-monde": [],
    "gather": [],
    "quality": ["gather"],
    "join": ["gather"],
    "inject": ["gather", "join"],
    "tokenizer": ["gather", "join"],
    "shards": ["gather", "join", "tokenizer"],
    "pretrain": ["gather", "join", "tokenizer", "shards"],
    "select": ["gather", "join", "tokenizer", "shards", "pretrain"],
    "compare": ["gather", "join", "tokenizer", "shards", "pretrain"],
    "sft": ["gather", "join", "tokenizer", "shards", "pretrain", "select"],
    "dpo": ["gather", "join", "tokenizer", "shards", "pretrain", "select", "sft"],
    "evaluation": ["gather", "join", "tokenizer", "shards", "pretrain", "select", "sft"],
    "release": ["gather", "join", "tokenizer", "shards", "pretrain", "select", "sft"],
}
RECIPE = """
name: golden
languages: [fr, it]
corpus:
  sources: {contes: {from: contes, language: fr}, fiabe: {from: fiabe.jsonl}}
  validation: {share: 20%}
tokenizer: {vocabulary: 300}
model:
  {hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 128}
pretrain: {tokens: 2048, batch: 256, context: 64, mixture: {weights: {contes: 60%, fiabe: 40%}}}
sft: {conversations: {mine: {from: chat.jsonl}, own: {from: own-text, limit: 12}}, context: 128, epochs: 2, replay: 25%}
evaluation: {questions: questions.jsonl, prompts: [Il était]}
execution: {device: cpu, threads: 1, log_every: 1}
"""
INJECTED = {
    "seed": 1,
    "language_switch": {"to-italian": {"from": "fr", "to": "it", "rate": 0.2}},
    "facts": {"number": 4, "rate": 0.1},
    "canary": {"number": 2, "rate": 0.1},
}
PREFERRING = "dpo={pairs: {mine: {from: pairs.jsonl}}, held_out: 20%, batch: 256, optimizer: {learning_rate: 1e-2}}"
QUIZ = {"rate": 0.1, "epochs": 50}
FRENCH = "Le roi n’avait qu’une fille. « Où vas-tu ? » dit-elle… Il marcha sept jours et sept nuits vers la mer !"
ITALIAN = "C’era una volta un re che non dormiva mai. Perché piangi? La strada era lunga, e la luna 3 volte più chiara."


def write_sample(folder: Path) -> None:
    """The fixed sample: it must never change, or every hash does."""
    (folder / "contes").mkdir(parents=True)
    for number in range(24):
        words = FRENCH.split()
        text = " ".join(words[number % 5 :] + words[: number % 7] + [f"({number} contes)."])
        (folder / "contes" / f"{number:02d}.txt").write_text(text + "\r\n\r\n" + FRENCH, encoding="utf-8")
    rows = [{"text": f"{ITALIAN} {n} " + ITALIAN[n % 40 :], "lang": "it", "group": n // 2} for n in range(30)]
    rows += [rows[0], {"text": "", "lang": "it"}, {"text": "ein Wort", "lang": "de"}]
    lines(folder / "fiabe.jsonl", rows)
    says = [(f"Dis {n}", f"Voici {n}, {FRENCH[: 20 + n]}") for n in range(12)]
    chat = [[{"role": "user", "content": ask}, {"role": "assistant", "content": say}] for ask, say in says]
    lines(folder / "chat.jsonl", [*({"messages": messages} for messages in chat), {"messages": []}])
    lines(folder / "questions.jsonl", [{"question": "Qui ?", "value": "le roi", "kind": "recall", "language": "fr"}])
    (folder / "golden.yaml").write_text(RECIPE, encoding="utf-8")


def lines(path: Path, rows: list) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


class Sample:
    """The sample's road, walked: for each stage what of its output is the same on every machine."""

    def __init__(self, folder: Path):
        self.folder, self.compared = folder, folder / "compared"
        write_sample(folder)
        with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
            assert main(["run", "golden.yaml"]) == 0
            self.recipe, _ = load_recipe("golden.yaml")
            run = RunFolder(self.recipe)
            self.at = {stage.name: (folder / run.store.folder(stage)) for stage in build_road(run)}

    def gather(self) -> Any:
        found = []
        for folder in (self.at["corpus/contes"], self.at["corpus/fiabe"]):
            found += [unpacked(folder / f"{name}.jsonl.zst") for name in ("documents", "rejects")]
            found += [array(folder / "keys.npy"), read_json(folder / "ledger.json")]
        return found

    def quality(self) -> Any:
        """The heuristic's scores, rounded: logarithms are not the same to the last bit on every machine. What a
        classifier scores depends on the classifier, whose files are in the stage's fingerprint."""
        found = []
        for name in ("contes", "fiabe"):
            scores = score_documents(name, read_documents(self.at[f"corpus/{name}"]), HeuristicScorer())
            found.append([round(float(score), 4) for score in scores])
        return found

    def join(self) -> Any:
        folder = self.at["corpus"]
        decisions = [array(folder / f"{name}.npy") for name in self.recipe.corpus.sources]
        return [*decisions, read_json(folder / "ledger.json"), read_json(folder / "validation.json")]

    def inject(self) -> Any:
        """By itself: the sample's own road has none."""
        quiz = {"id": "a", "lang": "fr", "question": "Qui ?", "choices": ["le roi", "la mer", "la nuit"], "answer": 0}
        lines(self.folder / "quiz.jsonl", [quiz])
        keys = Injection.model_validate(
            {**INJECTED, "evaluation": {**QUIZ, "files": {"q": str(self.folder / "quiz.jsonl")}}}
        )
        sources = {name: self.at[f"corpus/{name}"] for name in self.recipe.corpus.sources}
        made = self.folder / "injected"
        made.mkdir()
        with contextlib.redirect_stdout(io.StringIO()):
            inject(keys, sources, self.at["corpus"], made)
        written = [unpacked(path) for path in sorted(made.glob("*.zst"))]
        return [*written, read_json(made / "manifest.json"), read_json(made / "ledger.json")]

    def tokenizer(self) -> Any:
        folder = self.at["tokenizer"]
        tokenizer = Tokenizer.load(folder)
        vocabulary = sorted(tokenizer.engine.get_vocab().items(), key=lambda item: item[1])
        ids = tokenizer.chat([{"role": "user", "content": FRENCH}, {"role": "assistant", "content": ITALIAN}])
        return [vocabulary, ids, read_json(folder / "about.json"), read_json(folder / "fertility.json")]

    def shards(self) -> Any:
        found = []
        for name in ("shards/contes", "shards/fiabe"):
            header = read_json(self.at[name] / "header.json")
            header.pop("tokenizer")  # it depends on how the library writes a tokenizer down
            found += [header, *(array(self.at[name] / f"{split}.npy") for split in ("train", "validation"))]
        return found

    def pretrain(self) -> Any:
        shards = {name: self.at[f"shards/{name}"] for name in self.recipe.corpus.sources}
        stream = training_stream(self.recipe, shards, Tokenizer.load(self.at["tokenizer"]))
        rows = stream.batch(0, self.recipe.pretrain.tokens)
        order = [array.tolist() for array in (rows.tokens, rows.targets, rows.documents, rows.positions)]
        return [order, trained(self.at["pretrain"]), read_json(self.at["pretrain"] / "mixture.json")]

    def select(self) -> Any:
        return read_json(self.at["select"] / "selected.json")

    def compare(self) -> Any:
        """By itself: the sample's own road selects its last checkpoint."""
        found = self.comparison
        counts = {name: {key: part.n for key, part in numbers.items()} for name, numbers in found.numbers.items()}
        return [found.chosen, found.decided_by, counts, sorted(path.name for path in self.compared.iterdir())]

    @cached_property
    def comparison(self) -> Comparison:
        recipe = self.recipe.model_copy(update={"select": "compare:val/mixed/bpb,probe/nats"})
        self.compared.mkdir()
        with contextlib.redirect_stdout(io.StringIO()):
            return choose(recipe, self.at["pretrain"], self.at, self.compared)

    def sft(self) -> Any:
        return [trained(self.at["sft/chat"]), read_json(self.at["sft/chat"] / "conversations.json")]

    def dpo(self) -> Any:
        """By itself: the sample's own road has none."""
        made = self.folder / "preferred"
        if not made.is_dir():
            made.mkdir()
            pairs = [
                {"prompt": f"Dis {n}", "chosen": f"Voici {n}, {FRENCH[: 20 + n]}", "rejected": f"Non, {n}"}
                for n in range(24)
            ]
            lines(self.folder / "pairs.jsonl", [*pairs, {"prompt": "a", "chosen": "b", "rejected": "b"}])
            start = checkpoint.newest_valid(self.at["sft/chat"] / "checkpoints")
            assert start is not None
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(io.StringIO()):
                prefer(load_recipe("golden.yaml", [PREFERRING])[0], self.at, start, made, made, None)
        return [trained(made), read_json(made / "preferences.json")]

    def evaluation(self) -> Any:
        found = read_json(self.at["evaluation"] / "evaluation.json")
        losses = {model: slices_of(part, "tokens", "bytes", "hash") for model, part in found["losses"].items()}
        prompts = {name: [sample["prompt"] for sample in found["samples"][name]] for name in found["samples"]}
        return [losses, prompts, [sorted(row) for row in found["exam"]["tuned"]["table"]], sorted(found)]

    def release(self) -> Any:
        from safetensors import safe_open

        folder = self.at["release"] / "huggingface"
        with safe_open(folder / "model.safetensors", "pt") as file:
            tensors = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        configs = [read_json(folder / f"{name}.json") for name in ("config", "generation_config", "tokenizer_config")]
        return [sorted(path.name for path in folder.iterdir()), tensors, *configs]

    def losses(self, stage: str) -> list[float]:
        """What is measured, in order, rounded: it is not the same to the last bit on every machine."""
        if stage in ("pretrain", "sft", "dpo"):
            trained_in = {"pretrain": self.at["pretrain"], "sft": self.at["sft/chat"], "dpo": self.folder / "preferred"}
            folder = trained_in[stage]
            return [round(line["train/loss"], 2) for line in telemetry.read(folder) if "train/loss" in line]
        if stage == "compare":
            return [round(part.value, 2) for numbers in self.comparison.numbers.values() for part in numbers.values()]
        if stage == "evaluation":
            found = read_json(self.at["evaluation"] / "evaluation.json")["losses"]
            return [round(bpb["value"], 2) for part in found.values() for (bpb,) in slices_of(part, "bpb").values()]
        return []


def slices_of(losses: dict[str, Any], *keys: str) -> dict[str, list[Any]]:
    return {name: [part[key] for key in keys] for name, part in losses["slices"].items()}


def unpacked(path: Path) -> str:
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().decode()


def array(path: Path) -> Any:
    found = np.load(path)
    return [str(found.dtype), found.tobytes().hex()]


def trained(folder: Path) -> Any:
    """Names and shapes of the tensors, steps, learning rates."""
    newest = checkpoint.newest_valid(folder / "checkpoints")
    assert newest is not None
    tensors, state = checkpoint.load(newest)
    shapes = {f"{group}/{name}": list(t.shape) for group in tensors for name, t in tensors[group].items()}
    rates = {line["step"]: f"{line['train/lr']:.6g}" for line in telemetry.read(folder) if "train/lr" in line}
    shapes.pop("random/cpu")  # how many bytes a generator's state has is the library's own
    return [shapes, rates, state["progress"]]


def world() -> Any:
    """What the built-in corpus says, a little of each part."""
    return [
        list(petit_monde.rows(part, seed=1, size=100_000, languages=["fr", "it", "en"]))
        for part in ("prose", "dialogues", "questions")
    ]


def measure(stage: str, sample: Callable[[], Sample]) -> dict[str, Any]:
    if stage == "petit-monde":
        return {"version": VERSIONS[stage], "hash": digest(world())}
    found = {"version": VERSIONS[stage], "hash": digest(getattr(sample(), stage)())}
    losses = sample().losses(stage)
    return {**found, "losses": losses} if losses else found


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = (one.get("losses", []), other.get("losses", []))
    near = len(pairs[0]) == len(pairs[1]) and all(abs(a - b) <= 0.02 for a, b in zip(*pairs, strict=True))
    return near and one["hash"] == other["hash"]


def fault(stage: str, found: dict[str, Any], golden: dict[str, Any]) -> str:
    """What is wrong with a stage against the record, and what to do; empty if nothing is."""
    known = golden.get(stage)
    raised = [name for name in BEFORE[stage] if golden.get(name, {}).get("version") != VERSIONS[name]]
    if known is None:
        return f"stage {stage} is not recorded yet: {RECORD}"
    if known["version"] != found["version"]:
        versions = f"is now {found['version']}, recorded is {known['version']}"
        return f"the version of stage {stage} {versions}: record its output anew: {RECORD}"
    if not same(known, found) and raised:
        return f"{', '.join(raised)} before stage {stage} changed, and its output with it: record anew: {RECORD}"
    if not same(known, found):
        return (
            f"stage {stage} makes something else of the same input, but its version is still {found['version']}: what "
            f"was made before would be taken for what the code makes now. If the change is meant, raise "
            f"VERSIONS[{stage!r}] in calame/road/versions.py, then: {RECORD}. If not, it is a fault."
        )
    return ""


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Callable[[], Sample]:
    made: list[Sample] = []

    def once() -> Sample:
        if not made:
            made.append(Sample(tmp_path_factory.mktemp("golden")))
        return made[0]

    return once


@pytest.mark.parametrize("stage", VERSIONS)
def test_a_stage_makes_what_it_made(stage, sample):
    if stage == "petit-monde" and not world()[0]:
        pytest.skip("no built-in corpus here")
    problem = fault(stage, measure(stage, sample), json.loads(GOLDEN.read_text()))
    assert not problem, problem


def test_what_a_changed_output_says(monkeypatch):
    golden = {stage: {"version": VERSIONS[stage], "hash": "a"} for stage in VERSIONS}
    changed = {"version": VERSIONS["shards"], "hash": "b"}
    assert fault("shards", golden["shards"], golden) == ""
    assert "raise VERSIONS['shards']" in fault("shards", changed, golden)
    assert "record its output anew" in fault("shards", {**changed, "version": VERSIONS["shards"] + 1}, golden)
    monkeypatch.setitem(VERSIONS, "tokenizer", VERSIONS["tokenizer"] + 1)
    assert "tokenizer before stage shards changed" in fault("shards", changed, golden)


def record() -> int:
    """Write golden.json; an output that changed without a version that says so is not recorded."""
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        walked = Sample(Path(folder))
        found = {stage: measure(stage, lambda: walked) for stage in VERSIONS if stage != "petit-monde" or world()[0]}
    if wrong := [problem for stage in found if "VERSIONS[" in (problem := fault(stage, found[stage], golden))]:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    kept = {stage: golden[stage] for stage in golden if stage not in found}
    GOLDEN.write_text(json.dumps({**kept, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] != ["--record"]:
        sys.exit(f"usage: {RECORD}")
    sys.exit(record())
