"""GGUF files of a model in the folders that LM Studio looks for, PUBLISHER/NAME/, with Ollama's Modelfile beside them;
all of them through their gate, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from calame.evaluation.decoding.files import Recommended
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.recipe.units import say_bytes
from calame.release import ollama
from calame.release.gguf import runtime
from calame.release.gguf.gate import gate
from calame.release.gguf.read import GgufFile
from calame.release.gguf.types import GROUP, FileType, T, file_type
from calame.release.gguf.vocabulary import Vocabulary, vocabulary_of
from calame.release.gguf.write import write_file
from calame.release.huggingface import ANSWER_TOKENS
from calame.release.place import not_passed, placing
from calame.release.records.about import MADE
from calame.run.files import file_digest, read_json, write_json
from calame.run.progress import say


@dataclass(frozen=True)
class Made:
    """A file with its facts. path: within the folder of the export. type: F16, Q8_0, Q4_K_M. parameters: of the model;
    stored: with the zeros that fill rows up. tensors: how many are of each type. checked: the gate's figures;
    `llama_cpp` is null where it was not there to be asked."""

    path: str
    type: str
    bytes: int
    sha256: str
    parameters: int
    stored: int
    tensors: dict[str, int]
    checked: dict[str, Any]

    @property
    def bits(self) -> float:
        """Of the file, by weight of the model."""
        return 8 * self.bytes / self.parameters


def export_gguf(
    loaded: Loaded,
    folder: Path,
    name: str,
    types: Sequence[str],
    publisher: str = "calame",
    decoding: Recommended | None = None,
) -> list[Made]:
    """Write folder/PUBLISHER/NAME/NAME-TYPE.gguf for each of the types (f16, q8_0, q4_k_m) and a Modelfile.

    Raises `GateFailed`, and leaves nothing behind, if one of them does not pass; `UserError` for a type or a tokenizer
    that cannot be, or if something else than an earlier export is in the way."""
    config, tokenizer = loaded.model.config, loaded.tokenizer
    if config.vocab_size < tokenizer.size:
        raise refuse(
            loaded.origin,
            f"its tokenizer has {tokenizer.size:,} entries, the chat tokens among them, and its embedding "
            f"{config.vocab_size:,} rows",
            remedy="tune it first, which gives them rows (calame sft)",
        )
    wanted = [file_type(kind, config) for kind in dict.fromkeys(types)]
    vocabulary = vocabulary_of(tokenizer, config.vocab_size)
    ollama.check_end(tokenizer.chat_format)
    for option, value in (("name", name), ("publisher", publisher)):
        if value in ("", ".", "..") or Path(value).name != value:
            raise refuse(option, repr(value), "the name of one folder, without a slash")
    folder, home = folder.resolve(), Path(publisher) / name
    with placing(folder, MADE) as temporary:
        (temporary / home).mkdir(parents=True)
        made = [_make(loaded, temporary, home / f"{name}-{kind.name}.gguf", vocabulary, kind) for kind in wanted]
        files = [Path(one.path).name for one in made]
        parameters = decoding.parameters if decoding else None
        text = ollama.modelfile(
            files, tokenizer, loaded.tuned, config.max_position_embeddings, ANSWER_TOKENS, parameters
        )
        (temporary / home / ollama.FILE).write_text(text, encoding="utf-8")
        if faults := ollama.stop_faults(ollama.stops_of(tokenizer), tokenizer):
            raise not_passed(faults)
        about = {"name": name, "publisher": publisher, "tuned": loaded.tuned, "modelfile": str(home / ollama.FILE)}
        write_json(temporary / MADE, about | {"files": [asdict(one) for one in made]})
    _tell(folder, made)
    return made


def read_made(folder: Path) -> list[Made]:
    """The files of an export, none where there is no export."""
    return [Made(**one) for one in read_json(folder / MADE)["files"]] if (folder / MADE).is_file() else []


def _make(loaded: Loaded, folder: Path, path: Path, vocabulary: Vocabulary, wanted: FileType) -> Made:
    file = folder / path
    written = write_file(file, path.parent.name, loaded, vocabulary, wanted)
    if written.stored != written.parameters:
        say(
            f"  {wanted.name}: rows filled up with zeros to whole groups: {written.stored:,} weights are stored, the "
            f"model has {written.parameters:,}"
        )
    if other := {kind: n for kind, n in written.tensors.items() if wanted.matrices == T.Q4_K and kind in SMALL}:
        kinds = ", ".join(f"{n} as {kind}" for kind, n in other.items())
        say(f"  {wanted.name}: matrices whose rows are no multiple of 256 are in groups of {GROUP}: {kinds}")
    checked, faults = gate(loaded, GgufFile(file), wanted)
    if faults:
        raise not_passed([f"{path.name}: {fault}" for fault in faults])
    size = file.stat().st_size
    return Made(
        str(path), wanted.name, size, file_digest(file), written.parameters, written.stored, written.tensors, checked
    )


SMALL = ("Q5_0", "Q5_1", "Q8_0")


def _tell(folder: Path, made: Sequence[Made]) -> None:
    for one in made:
        found = one.checked["llama_cpp"]
        by = "" if found is None else f", by llama.cpp {_said(found)}"
        say(f"  {folder / one.path}: {say_bytes(one.bytes)}, {one.bits:.1f} bits a parameter; ids are equal{by}")
    if not runtime.available():
        say(
            "  llama.cpp was not asked: llama-cpp-python is not installed (extra llamacpp). Read back were ids, "
            "configuration and every tensor"
        )


def _said(found: dict[str, Any]) -> str:
    halves = found["halves_make"]
    of_them = f" (multiplying halves makes {halves:.1e})" if halves else ""
    logits = f"logits within {found['logit_difference']:.1e} of ours{of_them}, {found['divergence']:.1e} nats apart"
    return f"{logits}, the same greedy text for {found['greedy_same']} of {found['greedy_texts']}"
