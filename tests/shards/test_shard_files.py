"""Shards on disk: what is written decodes to the documents; another tokenizer and a truncated file are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytest import MonkeyPatch, fixture, mark, raises

from builders import Gathered, corpus_of, rows_of, shards_of, texts, tokenizer_of
from calame.corpus.decisions import TRAIN, VALIDATION, read_decisions
from calame.corpus.gather import read_documents
from calame.recipe.errors import UserError
from calame.run.files import file_digest, read_json, write_json
from calame.shards import write as write_
from calame.shards.read import Shard
from calame.tokenizer.tokenizer import Tokenizer


@fixture(scope="module")
def corpus(tmp_path_factory) -> Gathered:
    a = [*rows_of(texts(60)), *rows_of(texts(30, language="it"), "it"), *rows_of(texts(10))]  # ten are duplicates
    return corpus_of(tmp_path_factory.mktemp("corpus"), {"a": a, "b": rows_of(texts(40, 1))}, ("fr", "it"))


@fixture(scope="module", params=("byte-bpe", "sentencepiece-bpe"))
def written(request, corpus: Gathered, tmp_path_factory) -> tuple[Tokenizer, dict[str, Path]]:
    tokenizer = tokenizer_of(request.param)
    return tokenizer, shards_of(tmp_path_factory.mktemp("shards"), corpus, tokenizer)


def test_what_is_written_decodes_to_the_documents(corpus: Gathered, written: tuple[Tokenizer, dict[str, Path]]) -> None:
    tokenizer, folders = written
    for name, folder in folders.items():
        decisions = read_decisions(corpus.joined, name)
        documents = list(read_documents(corpus.sources[name]))
        for split, place in (("train", TRAIN), ("validation", VALIDATION)):
            shard = Shard(folder, split, tokenizer)
            wanted = [(row, d) for row, d in enumerate(documents) if decisions[row] == place]
            assert shard.documents == len(wanted) > 0
            for number, (row, document) in enumerate(wanted):
                ids = shard.tokens[shard.starts[number] : shard.starts[number + 1]].tolist()
                assert ids == [tokenizer.special.bos, *tokenizer.encode(document.text), tokenizer.special.eos]
                assert tokenizer.decode(ids) == document.text
                assert shard.document_id(number) == document.id
                record = shard.index[number]
                assert record["row"] == row
                assert record["bytes"] == len(document.text.encode())
                assert shard.languages[record["language"]] == document.language
            assert shard.starts[-1] == len(shard.tokens)


def test_duplicates_are_written_once(written: tuple[Tokenizer, dict[str, Path]]) -> None:
    tokenizer, folders = written
    shards = [Shard(folders["a"], split, tokenizer) for split in ("train", "validation")]
    assert sum(shard.documents for shard in shards) == 90


def test_the_header_says_what_the_files_hold(written: tuple[Tokenizer, dict[str, Path]]) -> None:
    tokenizer, folders = written
    header = read_json(folders["a"] / "header.json")
    assert (header["tokenizer"], header["dtype"], header["source"]) == (tokenizer.hash, "uint16", "a")
    assert header["languages"] == ["fr", "it"]
    for split, content in header["splits"].items():
        assert content["sha256"] == file_digest(folders["a"] / f"{split}.bin")
        assert content["tokens"] * 2 == (folders["a"] / f"{split}.bin").stat().st_size


def test_writing_in_small_batches_gives_the_same_files(
    corpus: Gathered, written: tuple[Tokenizer, dict[str, Path]], tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    tokenizer, folders = written
    monkeypatch.setattr(write_, "AT_ONCE", 200)
    again = shards_of(tmp_path, corpus, tokenizer)
    for name in folders:
        for file in ("train.bin", "train.npy", "validation.bin", "validation.npy", "header.json"):
            assert (again[name] / file).read_bytes() == (folders[name] / file).read_bytes()


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_another_tokenizer_is_refused(written: tuple[Tokenizer, dict[str, Path]]) -> None:
    tokenizer, folders = written
    other = tokenizer_of("sentencepiece-bpe" if tokenizer.about["kind"] == "byte-bpe" else "byte-bpe")
    with raises(UserError, match="another tokenizer"):
        Shard(folders["a"], "train", other)


@mark.parametrize("change", (-2, +2))
def test_a_file_of_another_length_is_refused(
    change: int, written: tuple[Tokenizer, dict[str, Path]], tmp_path: Path
) -> None:
    tokenizer, folders = written
    folder = copy_of(folders["a"], tmp_path / "a")
    content = (folder / "train.bin").read_bytes()
    (folder / "train.bin").write_bytes(content[:change] if change < 0 else content + bytes(change))
    with raises(UserError, match=r"train\.bin.*bytes, not the"):
        Shard(folder, "train", tokenizer)


def test_a_format_of_another_version_is_refused(written: tuple[Tokenizer, dict[str, Path]], tmp_path: Path) -> None:
    tokenizer, folders = written
    folder = copy_of(folders["a"], tmp_path / "a")
    write_json(folder / "header.json", {**read_json(folder / "header.json"), "format": 99})
    with raises(UserError, match="format 99"):
        Shard(folder, "train", tokenizer)


def test_a_large_vocabulary_takes_32_bits(corpus: Gathered, tmp_path: Path) -> None:
    small = tokenizer_of()
    large = Tokenizer(small.engine, small.about)
    large.__dict__["size"] = 70_000
    shifted = {id_: id_ + 65_530 for id_ in range(330)}
    large.encode_many = lambda found: [[shifted[i] for i in ids] for ids in Tokenizer.encode_many(small, found)]  # type: ignore[method-assign]
    folders = shards_of(tmp_path, corpus, large)
    shard, narrow = Shard(folders["b"], "train", large), shards_of(tmp_path / "narrow", corpus, small)
    assert read_json(folders["b"] / "header.json")["dtype"] == "uint32"
    assert shard.tokens.dtype == np.uint32
    plain = Shard(narrow["b"], "train", small).tokens.astype(np.int64)
    inner = plain > 5
    assert np.array_equal(shard.tokens[inner], plain[inner] + 65_530)
