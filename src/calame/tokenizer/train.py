"""Train a tokenizer: byte-level BPE, or SentencePiece BPE with byte fallback. Neither loses anything of a text, but for
one character: SentencePiece writes a space as U+2581 inside, so that a U+2581 of the text comes back as a space.

Choices, with their reasons:
- The split of words is Qwen2's (one digit a token), word for word: llama.cpp knows it under the name `qwen2`, while a
  split of our own could not be run there. French elisions stay whole (`l` + `'arbre`), since the English suffixes
  of the pattern ('s 't 're 've 'm 'll 'd) never follow a French or Italian elision, which stands before a vowel.
- SentencePiece's defaults lose text (NFKC, squeezed spaces) and put a space in front of everything: all off.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

from calame.recipe.errors import refuse
from calame.tokenizer.policy import ASSISTANT, BOS, CHATML, EOS, PAD, UNKNOWN, ChatFormat, special_tokens
from calame.tokenizer.tokenizer import Tokenizer

SPLIT_NAME = "qwen2"
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPACE_MARK = "\u2581"  # what SentencePiece writes for a space
PIECE_CHARACTERS = 4_000  # longest line that SentencePiece is given; it learns line by line


def train(kind: str, vocabulary: int, texts: Iterator[str], chat: ChatFormat = CHATML) -> Tokenizer:
    """A tokenizer of exactly `vocabulary` entries, those of the chat format among them. Raises `UserError` if the text
    cannot support so many."""
    reserved = special_tokens(chat)
    trained = _byte_bpe if kind == "byte-bpe" else _sentencepiece_bpe
    engine = trained(vocabulary, texts, reserved)
    engine.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in reserved])
    if engine.get_vocab_size() < vocabulary:
        raise too_large(vocabulary, engine.get_vocab_size())
    names = {"pad": PAD, "bos": BOS, "eos": EOS, "turn_start": chat.marks[ASSISTANT], "turn_end": chat.end}
    special = {name: engine.token_to_id(token) for name, token in names.items()}
    assert [engine.token_to_id(token) for token in reserved] == list(range(len(reserved)))
    about = {"kind": kind, "split": SPLIT_NAME if kind == "byte-bpe" else None, "special": special}
    return Tokenizer(engine, about if chat == CHATML else {**about, "chat": chat.to_json()})


def too_large(asked: int, most: int) -> Exception:
    fitting = most // 64 * 64 if most >= 320 else most
    return refuse(
        "tokenizer.vocabulary",
        f"{asked:,} entries, but the text supports only {most:,}",
        f"at most {most:,}",
        f"tokenizer.vocabulary={fitting}, or more text",
    )


def too_small(asked: int, least: int) -> Exception:
    return refuse(
        "tokenizer.vocabulary",
        f"{asked:,} entries, but the bytes, special tokens and characters of the text alone are {least:,}",
        f"at least {least:,}",
        f"tokenizer.vocabulary={least}, or tokenizer.kind=byte-bpe, which needs no entry for a character",
    )


def _byte_bpe(vocabulary: int, texts: Iterator[str], reserved: Sequence[str]) -> tokenizers.Tokenizer:
    engine = tokenizers.Tokenizer(models.BPE(ignore_merges=False))
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )  # type: ignore[assignment]
    engine.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(reserved),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    engine.train_from_iterator(texts, trainer)
    return engine


def _sentencepiece_bpe(vocabulary: int, texts: Iterator[str], reserved: Sequence[str]) -> tokenizers.Tokenizer:
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=written,
            model_type="bpe",
            vocab_size=vocabulary,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            byte_fallback=True,
            split_digits=True,
            character_coverage=0.9999,
            max_sentence_length=4 * PIECE_CHARACTERS,
            pad_id=0,
            unk_id=1,
            bos_id=2,
            eos_id=3,
            pad_piece=PAD,
            unk_piece=UNKNOWN,
            bos_piece=BOS,
            eos_piece=EOS,
            control_symbols=list(reserved[4:]),
            num_threads=2,
            minloglevel=2,
        )
    except RuntimeError as error:  # its message also holds line numbers of its own source: read by its words
        if most := re.search(r"set it to a value <= (\d+)", str(error)):
            raise too_large(vocabulary, int(most[1])) from None
        if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(error)):
            raise too_small(vocabulary, int(least[1])) from None
        raise
    return from_sentencepiece(written.getvalue())


def _lines(texts: Iterator[str]) -> Iterator[str]:
    for text in texts:
        for line in text.split("\n"):
            for start in range(0, len(line), PIECE_CHARACTERS):
                yield line[start : start + PIECE_CHARACTERS]


def from_sentencepiece(model: bytes) -> tokenizers.Tokenizer:
    """A SentencePiece BPE model (identity normalisation, no dummy prefix, byte fallback) in `tokenizers`' terms.

    A piece's merges are all its cuts in two known pieces, in the order of the pieces' scores.
    """
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.vocab_size())]
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for i, piece in enumerate(pieces):
        if processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i):
            continue
        cuts = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in ids and piece[k:] in ids]
        merges += [(i, ids[left], ids[right], left, right) for left, right in cuts]
    merges.sort(key=lambda merge: merge[:3])  # ids of BPE pieces follow their scores
    engine = tokenizers.Tokenizer(
        models.BPE(
            vocab=ids,
            merges=[(left, right) for *_, left, right in merges],
            unk_token=UNKNOWN,
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    engine.normalizer = normalizers.Replace(" ", SPACE_MARK)  # type: ignore[assignment]
    engine.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE_MARK, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
        ]
    )  # type: ignore[assignment]
    return engine
