"""Tokenizers of others in GGUF: cut alike by llama.cpp, or refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
from pytest import mark, raises
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from builders import decoder_of, loaded_of, texts, tokenizer_of
from calame.recipe.errors import UserError
from calame.release.gguf.export import export_gguf
from calame.release.gguf.read import GgufFile
from calame.release.gguf.vocabulary import vocabulary_of
from calame.tokenizer.adopt import adopt
from calame.tokenizer.tokenizer import Tokenizer
from calame.tokenizer.train import SPACE_MARK, SPLIT

LLAMA3 = SPLIT.replace(r"\p{N}|", r"\p{N}{1,3}|")
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
WITH_REGEX = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
NUMBERS = [f"{n} été {n * 7} {n * 1234}" for n in range(2000)]


def split(pattern: str) -> Any:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), BYTES])


SPLITS = {
    "gpt-2": (WITH_REGEX, False),
    "llama-bpe": (split(LLAMA3), True),
    "qwen2": (split(SPLIT), False),
    "smollm": (pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), WITH_REGEX]), False),
}


def adopted(engine: tokenizers.Tokenizer, folder: Path) -> Tokenizer:
    PreTrainedTokenizerFast(
        tokenizer_object=engine, bos_token="<s>", eos_token="</s>", pad_token="<s>"
    ).save_pretrained(folder)
    return adopt(str(folder))


def byte_bpe(pre: Any, ignore_merges: bool = False) -> tokenizers.Tokenizer:
    engine = tokenizers.Tokenizer(models.BPE(ignore_merges=ignore_merges))
    engine.pre_tokenizer, engine.decoder = pre, decoders.ByteLevel()  # type: ignore[assignment]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    engine.train_from_iterator([*texts(200), *NUMBERS], trainer)
    return engine


@mark.parametrize("name", SPLITS)
def test_splits_that_llama_cpp_knows(name: str, tmp_path: Path) -> None:
    """The gate has llama.cpp cut prompts and conversations too, where it is installed."""
    tokenizer = adopted(byte_bpe(*SPLITS[name]), tmp_path / "theirs")
    model = decoder_of(3, 0.1, vocab_size=tokenizer.size, hidden_size=32, head_dim=8, intermediate_size=64)
    export_gguf(loaded_of(model, tokenizer), tmp_path / "out", "petit", ["q8_0"])
    file = GgufFile(tmp_path / "out/calame/petit/petit-Q8_0.gguf")
    assert file.fields["tokenizer.ggml.pre"] == name
    cut, _ = file.cutter()
    for text in ("12345 été 77", "l'été   où\n\n ça", NUMBERS[77]):
        assert cut(text) == tokenizer.encode(text)


def test_sentencepiece_with_a_space_in_front_of_everything(tmp_path: Path) -> None:
    """As Llama 2 and what descends from it."""
    engine = tokenizers.Tokenizer.from_str(tokenizer_of("sentencepiece-bpe").engine.to_str())
    engine.normalizer = normalizers.Sequence(  # type: ignore[assignment]
        [normalizers.Prepend(SPACE_MARK), normalizers.Replace(" ", SPACE_MARK)]
    )
    tokenizer = adopted(engine, tmp_path / "theirs")
    model = decoder_of(3, 0.1, vocab_size=tokenizer.size, hidden_size=32, head_dim=8, intermediate_size=64)
    export_gguf(loaded_of(model, tokenizer), tmp_path / "out", "petit", ["q8_0"])
    fields = GgufFile(tmp_path / "out/calame/petit/petit-Q8_0.gguf").fields
    assert fields["tokenizer.ggml.add_space_prefix"] is True


def unigram() -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer(models.Unigram([("<s>", 0.0), ("</s>", 0.0), ("a", -1.0), ("\n", -1.0)], unk_id=0))


def normalised() -> tokenizers.Tokenizer:
    engine = byte_bpe(split(SPLIT))
    engine.normalizer = normalizers.NFC()  # type: ignore[assignment]
    return engine


def in_front() -> tokenizers.Tokenizer:
    return byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=True))


REFUSED = {
    "a Unigram model": unigram,
    "no name for the way words are split: Split, ByteLevel": lambda: byte_bpe(split(r"\w+'|\w+|\W+")),
    r"normalised \(NFC\)": normalised,
    "joins the pieces of whole words otherwise": lambda: byte_bpe(split(SPLIT), ignore_merges=True),
    "and not into bytes as GPT-2 does": in_front,
}


@mark.parametrize("reason", REFUSED)
def test_what_llama_cpp_cannot_express_is_refused(reason: str) -> None:
    tokenizer = tokenizer_of()
    other = Tokenizer(REFUSED[reason](), {**tokenizer.about, "kind": "adopted", "split": None})
    with raises(UserError, match=rf"cannot be run by llama.cpp: .*{reason}"):
        vocabulary_of(other, 600)
