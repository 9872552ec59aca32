"""The stage tokenizer: what is sampled, what is measured, what is refused; and the comparison of vocabularies."""

from __future__ import annotations

from pathlib import Path

from pytest import MonkeyPatch, fixture, mark, raises
from tokenizers import Tokenizer as Engine
from tokenizers import models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from builders import Gathered, corpus_of, rows_of, texts
from calame.corpus.decisions import VALIDATION, read_decisions
from calame.corpus.gather import read_documents
from calame.recipe.errors import UserError
from calame.recipe.schema import Tokenizer as Keys
from calame.run.files import read_json
from calame.tokenizer import prepare as prepare_
from calame.tokenizer.prepare import compare, prepare, sample, validation_slices
from calame.tokenizer.tokenizer import Tokenizer


@fixture(scope="module")
def corpus(tmp_path_factory) -> Gathered:
    """Two sources; much French, less Italian."""
    big = [*rows_of(texts(300, 1)), *rows_of(texts(40, 1, "it"), "it")]
    small = rows_of(texts(60, 2))
    return corpus_of(tmp_path_factory.mktemp("corpus"), {"a": big, "b": small}, ("fr", "it"))


def size(lines: list[str]) -> int:
    return sum(len(line.encode()) for line in lines)


def reserved(corpus: Gathered) -> set[str]:
    return {
        document.text
        for name, folder in corpus.sources.items()
        for document, place in zip(read_documents(folder), read_decisions(corpus.joined, name), strict=True)
        if place == VALIDATION
    }


def test_the_sample_takes_equal_parts_of_each_language(corpus: Gathered) -> None:
    italian = set(texts(40, 1, "it"))
    chosen = list(sample(corpus.sources, corpus.joined, 8_000))
    parts = [size([t for t in chosen if t in italian]), size([t for t in chosen if t not in italian])]
    assert all(3_000 < part <= 4_000 for part in parts), parts


def test_a_small_language_gives_all_and_the_rest_goes_to_the_others(corpus: Gathered) -> None:
    italian = set(texts(40, 1, "it")) - reserved(corpus)
    chosen = list(sample(corpus.sources, corpus.joined, 30_000))
    assert italian <= set(chosen)
    assert 26_000 < size(chosen) <= 30_000
    from_b = size([t for t in chosen if t in set(texts(60, 2))])
    french = size([t for t in chosen if t not in italian])
    assert 0.08 < from_b / french < 0.3, "each source by its size: b holds a sixth of the French"


def test_validation_text_is_never_sampled(corpus: Gathered) -> None:
    everything = list(sample(corpus.sources, corpus.joined, 10**9))
    assert len(reserved(corpus)) > 10
    assert not reserved(corpus) & set(everything)
    assert len(everything) == 400 - len(reserved(corpus))


def test_the_sample_is_the_same_each_time(corpus: Gathered) -> None:
    assert list(sample(corpus.sources, corpus.joined, 9_000)) == list(sample(corpus.sources, corpus.joined, 9_000))


def test_validation_slices_are_cut_by_bytes(corpus: Gathered) -> None:
    slices = validation_slices(corpus.sources, corpus.joined)
    assert set(slices) == {"fr-a", "it-a", "fr-b"}
    assert {text for part in slices.values() for text in part} == reserved(corpus)
    cut = validation_slices(corpus.sources, corpus.joined, 300)
    assert size(cut["fr-a"][:-1]) < 300 <= size(cut["fr-a"])


@mark.parametrize("kind", ("byte-bpe", "sentencepiece-bpe"))
def test_the_stage_writes_a_tokenizer_and_its_fertility(kind: str, corpus: Gathered, tmp_path: Path) -> None:
    prepare(Keys(kind=kind, vocabulary=340), corpus.sources, corpus.joined, tmp_path)
    assert Tokenizer.load(tmp_path).size == 340
    fertility = read_json(tmp_path / "fertility.json")
    assert set(fertility) == {"fr-a", "it-a", "fr-b"}
    assert all(part["changed"] == 0 and part["tokens_per_word"] > 1 for part in fertility.values())


def test_sentencepieces_mark_in_a_text_does_not_stop_a_run(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, {"a": rows_of([f"a▁b {text}" for text in texts(60)])})
    prepare(Keys(kind="sentencepiece-bpe", vocabulary=320), corpus.sources, corpus.joined, tmp_path / "tokenizer")
    measured = read_json(tmp_path / "tokenizer" / "fertility.json")["fr-a"]
    assert measured["changed"] == measured["texts"] > 0, "it is said all the same"


def test_a_tokenizer_of_ours_that_loses_text_is_refused(
    corpus: Gathered, tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    class Lossy(Tokenizer):
        def decode(self, ids, special: bool = False) -> str:
            return super().decode(ids, special).lower()

    def lossy(*arguments) -> Tokenizer:
        honest = train(*arguments)
        return Lossy(honest.engine, honest.about)

    train = prepare_.train
    monkeypatch.setattr(prepare_, "train", lossy)
    for kind in ("byte-bpe", "sentencepiece-bpe"):
        with raises(UserError, match="do not come back"):
            prepare(Keys(kind=kind, vocabulary=340), corpus.sources, corpus.joined, tmp_path)


def test_an_adopted_tokenizer_may_lose_text_and_says_how_often(corpus: Gathered, tmp_path: Path) -> None:
    engine = Engine(models.WordLevel({"<unk>": 0, "</s>": 1, "la": 2, "mer": 3}, unk_token="<unk>"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    PreTrainedTokenizerFast(tokenizer_object=engine, eos_token="</s>", unk_token="<unk>").save_pretrained(
        tmp_path / "t"
    )
    keys = Keys.model_validate({"from": str(tmp_path / "t")})
    prepare(keys, corpus.sources, corpus.joined, tmp_path / "out")
    assert Tokenizer.load(tmp_path / "out").about["appended"] == 2
    measured = read_json(tmp_path / "out" / "fertility.json")["fr-a"]
    assert measured["changed"] == measured["texts"] > 0


def test_compare_gives_a_row_for_each_size_and_slice(corpus: Gathered) -> None:
    rows = compare([300, 340], Keys(), corpus.sources, corpus.joined)
    assert [(row["vocabulary"], row["slice"]) for row in rows] == [
        (size, name) for size in (300, 340) for name in ("fr-a", "it-a", "fr-b")
    ]
    assert all(
        small["bytes_per_token"] < large["bytes_per_token"] for small, large in zip(rows[:3], rows[3:], strict=True)
    )
