"""Adopted tokenizers: folders as `transformers` writes them, of several kinds, gain the chat tokens they lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest import fixture, mark, raises
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from builders import texts
from calame.recipe.errors import UserError
from calame.release.huggingface import id_faults, write_tokenizer
from calame.tokenizer.adopt import adopt
from calame.tokenizer.policy import TURN_END, TURN_START
from calame.tokenizer.tokenizer import Tokenizer as Ours

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level() -> PreTrainedTokenizerFast:
    """As GPT-2's: one special token for both ends."""
    engine: Any = Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    end = "<|endoftext|>"
    engine.train_from_iterator(
        texts(200), trainers.BpeTrainer(vocab_size=330, special_tokens=[end], initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=engine, bos_token=end, eos_token=end)


def unigram(scheme: str) -> PreTrainedTokenizerFast:
    """As CamemBERT's (scheme always) or newer Llama tokenizers' (first)."""
    engine: Any = Tokenizer(models.Unigram())
    engine.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    engine.decoder = decoders.Metaspace(prepend_scheme=scheme)
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    engine.train_from_iterator(
        texts(200), trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>")
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=engine, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


def llama_2() -> PreTrainedTokenizerFast:
    """A mark of a space is put in front of each text by the normaliser."""
    engine: Any = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    engine.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    engine.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>", "<s>", "</s>", *BYTES], max_token_length=6)
    engine.train_from_iterator(texts(200), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=engine, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


MAKERS = {
    "byte-level": byte_level,
    "unigram": lambda: unigram("always"),
    "unigram-first": lambda: unigram("first"),
    "llama-2": llama_2,
}


@fixture(params=MAKERS)
def folder(request: Any, tmp_path: Path) -> Path:
    MAKERS[request.param]().save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def test_chat_tokens_are_appended_as_single_ids(folder: Path) -> None:
    theirs, ours = AutoTokenizer.from_pretrained(folder), adopt(str(folder))
    assert (ours.special.turn_start, ours.special.turn_end) == (len(theirs), len(theirs) + 1)
    assert (ours.about["kind"], ours.about["appended"], ours.size) == ("adopted", 2, len(theirs) + 2)
    assert ours.special.bos == theirs.bos_token_id
    assert ours.special.eos == theirs.eos_token_id
    assert ours.encode(TURN_END) != [ours.special.turn_end], "spelled by a user, it stays text"
    for text in texts(30, seed=3):
        assert ours.encode(text) == theirs(text, add_special_tokens=False)["input_ids"]


def test_its_hash_is_the_tokenizers_own(folder: Path, tmp_path: Path) -> None:
    ours = adopt(str(folder))
    ours.save(tmp_path / "saved")
    unigram("never").save_pretrained(tmp_path / "other")
    assert Ours.load(tmp_path / "saved").hash == adopt(str(folder)).hash == ours.hash
    assert adopt(str(tmp_path / "other")).hash != ours.hash


def test_conversations_are_cut_as_the_exported_template_cuts_them(folder: Path, tmp_path: Path) -> None:
    """A mark in front of each text, or only of the first, must not move into the turns: the gate would refuse it."""
    ours = adopt(str(folder))
    (tmp_path / "ours").mkdir()
    write_tokenizer(ours, tmp_path / "ours", 512)
    theirs: Any = AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert id_faults(ours, theirs) == []
    chat = [{"role": "user", "content": "l'été "}, {"role": "assistant", "content": " la mer\n\nbleue"}]
    found = theirs.apply_chat_template(chat, return_dict=True)["input_ids"]
    assert list(found) == ours.chat(chat, answer_next=False)
    _, said = ours.turn(chat[1])
    assert said[-1] == ours.special.turn_end
    assert ours.decode(said).replace("\n", " ").strip().startswith("la mer"), "all of the answer, nothing of its header"


def test_chat_tokens_that_are_there_are_kept(tmp_path: Path) -> None:
    theirs = byte_level()
    theirs.add_tokens([TURN_START, TURN_END])  # not special to it; they become so
    theirs.save_pretrained(tmp_path)
    ours = adopt(str(tmp_path))
    assert (ours.about["appended"], ours.size) == (0, len(theirs))
    assert ours.encode(TURN_END) != [ours.special.turn_end]


def test_adopting_an_adopted_one_changes_nothing(tmp_path: Path) -> None:
    byte_level().save_pretrained(tmp_path / "theirs")
    first = adopt(str(tmp_path / "theirs"))
    (tmp_path / "ours").mkdir()
    write_tokenizer(first, tmp_path / "ours", 512)
    second = adopt(str(tmp_path / "ours"))
    assert second.about["appended"] == 0
    assert second.special == first.special
    assert second.chat([{"role": "user", "content": "été"}]) == first.chat([{"role": "user", "content": "été"}])


def word_level(vocabulary: dict[str, int]) -> PreTrainedTokenizerFast:
    engine: Any = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, **vocabulary}, unk_token="<unk>"))
    engine.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=engine, eos_token="</s>", unk_token="<unk>")


def test_size_is_the_greatest_id_and_one(tmp_path: Path) -> None:
    """Ids with holes need more embedding rows than there are entries."""
    chat = {TURN_START: 2, TURN_END: 3}
    word_level({**chat, "mer": 4, "lune": 20}).save_pretrained(tmp_path)
    assert adopt(str(tmp_path)).size == 21


def test_chat_tokens_that_would_fall_onto_other_ids_are_refused(tmp_path: Path) -> None:
    word_level({"mer": 2, "lune": 5}).save_pretrained(tmp_path)
    with raises(UserError, match="holes"):
        adopt(str(tmp_path))


@mark.parametrize("broken", ("missing", "empty", "no end"))
def test_what_is_no_tokenizer_is_refused_by_the_key(broken: str, tmp_path: Path) -> None:
    location = tmp_path / "it"
    if broken != "missing":
        location.mkdir()
    if broken == "no end":
        engine: Any = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
        engine.add_special_tokens([AddedToken("a")])
        PreTrainedTokenizerFast(tokenizer_object=engine).save_pretrained(location)
    with raises(UserError, match=r"^tokenizer\.from: "):
        adopt(str(location))
