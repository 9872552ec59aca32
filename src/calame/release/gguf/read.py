"""Read a GGUF file back: our configuration, its weights, and a way to cut text, made of nothing but what stands in it.

Text is cut by other programs' code than what wrote the file: SentencePiece itself for `llama`, a BPE put together anew
from entries and merges for `gpt2`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers
from gguf import GGUFReader, TokenType
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, models, pre_tokenizers
from torch import Tensor

from calame.model.config import FAMILIES, ModelConfig
from calame.model.decoder import Decoder
from calame.release.gguf.names import from_gguf
from calame.release.gguf.types import decode
from calame.release.gguf.vocabulary import DIGITS, GPT2_SPLIT, IGNORE_MERGES, PATTERNS
from calame.tokenizer.train import SPACE_MARK

Cut = Callable[[str], list[int]]


@dataclass(frozen=True)
class GgufFile:
    """An opened file. `fields` by GGUF's keys."""

    path: Path

    @cached_property
    def _reader(self) -> GGUFReader:
        return GGUFReader(self.path)

    @cached_property
    def fields(self) -> dict[str, Any]:
        return {name: field.contents() for name, field in self._reader.fields.items()}

    @cached_property
    def config(self) -> ModelConfig:
        """As the file states it; the feed-forward block with its padding."""
        family = self.fields["general.architecture"]
        get = self._of(family)
        heads, width = get("attention.head_count"), get("embedding_length")
        norm = "attention.layer_norm_rms_epsilon" if FAMILIES[family].rms else "attention.layer_norm_epsilon"
        return ModelConfig(
            vocab_size=len(self.fields["tokenizer.ggml.tokens"]),
            hidden_size=width,
            num_hidden_layers=get("block_count"),
            num_attention_heads=heads,
            num_key_value_heads=get("attention.head_count_kv"),
            head_dim=get("attention.key_length", width // heads),
            intermediate_size=get("feed_forward_length"),
            max_position_embeddings=get("context_length"),
            rope_theta=get("rope.freq_base", 10_000.0),
            rms_norm_eps=get(norm),
            tie_word_embeddings="output.weight" not in {tensor.name for tensor in self._reader.tensors},
            initializer_range=0.02,
            family=family,
            rope_scaling=get("rope.scaling.type", "none"),
            rope_factor=get("rope.scaling.factor", 1.0),
            rope_original=get("rope.scaling.original_context_length", 0),
        )

    def _of(self, family: str) -> Callable[..., Any]:
        return lambda key, default=None: self.fields.get(f"{family}.{key}", default)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors in fp32, by GGUF's names."""
        return {tensor.name: decode(tensor.data, tensor.tensor_type) for tensor in self._reader.tensors}

    def model(self) -> Decoder:
        """Our decoder with the weights of the file, as they are after rounding."""
        model = Decoder(self.config).eval()
        model.load_state_dict(from_gguf(self.tensors(), self.config))
        return model

    def cutter(self) -> tuple[Cut, Cut]:
        """Text to ids without and with spelled-out special tokens taken as such; neither adds anything."""
        fields = {key.removeprefix("tokenizer.ggml."): value for key, value in self.fields.items()}
        return _sentencepiece(fields) if fields["model"] == "llama" else _byte_bpe(fields)

    @property
    def beginning(self) -> list[int]:
        """What a program puts before a text."""
        fields = self.fields
        return [fields["tokenizer.ggml.bos_token_id"]] if fields["tokenizer.ggml.add_bos_token"] else []

    @property
    def stops(self) -> set[int]:
        return {self.fields[f"tokenizer.ggml.{name}_token_id"] for name in ("eos", "eot")}


def _byte_bpe(fields: Mapping[str, Any]) -> tuple[Cut, Cut]:
    kinds = fields["token_type"]
    vocabulary = {token: number for number, token in enumerate(fields["tokens"]) if kinds[number] != TokenType.UNUSED}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    engine = tokenizers.Tokenizer(models.BPE(vocabulary, merges, ignore_merges=fields["pre"] == IGNORE_MERGES))
    pattern = GPT2_SPLIT if fields["pre"] == DIGITS else _pattern(fields["pre"])
    steps = [pre_tokenizers.Digits(individual_digits=True)] if fields["pre"] == DIGITS else []
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    steps += [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    engine.pre_tokenizer = pre_tokenizers.Sequence(steps)  # type: ignore[assignment]
    controls = [token for token, number in vocabulary.items() if kinds[number] == TokenType.CONTROL]
    engine.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in controls])

    def cut(text: str, special: bool) -> list[int]:
        engine.encode_special_tokens = not special
        return engine.encode(text, add_special_tokens=False).ids

    return lambda text: cut(text, False), lambda text: cut(text, True)


def _pattern(name: str) -> str:
    return next(pattern for pattern, known in PATTERNS.items() if known == name)


def _sentencepiece(fields: Mapping[str, Any]) -> tuple[Cut, Cut]:
    """SentencePiece has no text with special tokens: it is cut at them by hand, as llama.cpp does."""
    proto: Any = sentencepiece_model_pb2
    model = proto.ModelProto()
    model.trainer_spec.model_type, model.trainer_spec.byte_fallback = 2, True  # BPE
    model.normalizer_spec.add_dummy_prefix = fields["add_space_prefix"]
    model.normalizer_spec.remove_extra_whitespaces = False
    tokens, kinds = fields["tokens"], fields["token_type"]
    for token, score, kind in zip(tokens, fields["scores"], kinds, strict=True):
        model.pieces.add(piece=token, score=score, type=kind)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    specials = {token: number for number, token in enumerate(tokens) if kinds[number] == TokenType.CONTROL}

    def cut(text: str) -> list[int]:
        return processor.encode(text.replace(" ", SPACE_MARK)) if text else []

    def cut_special(text: str) -> list[int]:
        found = [(at, token) for token in specials if (at := text.find(token)) >= 0]
        if not found:
            return cut(text)
        at, token = min(found, key=lambda one: (one[0], -len(one[1])))
        return [*cut(text[:at]), specials[token], *cut_special(text[at + len(token) :])]

    return cut, cut_special
