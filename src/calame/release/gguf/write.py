"""Write one GGUF file: what the model is, its tokenizer and chat policy, its tensors, one after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_VERSION, GGUFWriter, RopeScalingType

from calame.inference.load import Loaded
from calame.model.config import ModelConfig
from calame.release.gguf.names import filled_up, to_gguf, widened
from calame.release.gguf.types import FileType, T, bytes_of, encode, padded, tensor_type
from calame.release.gguf.vocabulary import Vocabulary
from calame.run.progress import Bar
from calame.tokenizer.tokenizer import Tokenizer

FLOATS: Mapping[Any, Any] = {T.F32: np.float32, T.F16: np.float16}


@dataclass(frozen=True)
class Written:
    """What a file holds: weights with the padding, weights of the model itself, and types by number of tensors."""

    stored: int
    parameters: int
    tensors: dict[str, int]


def write_file(path: Path, name: str, loaded: Loaded, vocabulary: Vocabulary, wanted: FileType) -> Written:
    """path: of the file, which takes no other's place. name: of the model, for people."""
    config = padded(loaded.model.config, wanted)
    state = {key: tensor.detach().cpu() for key, tensor in loaded.model.state_dict().items()}
    tensors = to_gguf(state, loaded.model.config)
    writer = GGUFWriter(path, config.family)
    writer.add_name(name)
    writer.add_file_type(wanted.code)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    _write_model(writer, config)
    vocabulary.write(writer)
    _write_policy(writer, loaded.tokenizer, loaded.tuned)
    shapes = {key: widened(key, tensor.shape, config) for key, tensor in tensors.items()}
    types = {key: tensor_type(key, shape, config, wanted) for key, shape in shapes.items()}
    for key, shape in shapes.items():
        _announce(writer, key, shape, types[key])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    stored = sum(math.prod(shape) for shape in shapes.values())
    with Bar(f"GGUF {wanted.name}", stored, "weights") as bar:
        for key, tensor in tensors.items():
            writer.write_tensor_data(encode(filled_up(tensor, shapes[key]), types[key]))
            bar.advance(math.prod(shapes[key]))
    writer.close()
    names = [kind.name for kind in types.values()]
    counts = {kind: names.count(kind) for kind in dict.fromkeys(names)}
    return Written(stored, sum(tensor.numel() for tensor in state.values()), counts)


def _announce(writer: GGUFWriter, name: str, shape: tuple[int, ...], stored: Any) -> None:
    if stored in FLOATS:
        size = math.prod(shape) * np.dtype(FLOATS[stored]).itemsize
        writer.add_tensor_info(name, shape, np.dtype(FLOATS[stored]), size)
    else:
        in_bytes = bytes_of(shape, stored)
        writer.add_tensor_info(name, in_bytes, np.dtype(np.uint8), math.prod(in_bytes), stored)


def _write_model(writer: GGUFWriter, config: ModelConfig) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    if config.parts.rms:
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    else:
        writer.add_layer_norm_eps(config.rms_norm_eps)
    if not config.parts.rotary:
        return
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    if config.rope_scaling != "none":
        writer.add_rope_scaling_type(RopeScalingType(config.rope_scaling))
        writer.add_rope_scaling_factor(config.rope_factor)
        if config.rope_original:
            writer.add_rope_scaling_orig_ctx_len(config.rope_original)


def _write_policy(writer: GGUFWriter, tokenizer: Tokenizer, tuned: bool) -> None:
    """Beginnings, ends and chat: the one policy of `tokenizer/policy.py`. A model that was never shown a conversation
    has no template."""
    special = tokenizer.special
    writer.add_bos_token_id(special.bos)
    writer.add_eos_token_id(special.eos)
    writer.add_pad_token_id(special.pad)
    writer.add_add_bos_token(bool(tokenizer.beginning))
    writer.add_add_eos_token(False)
    writer.add_eot_token_id(special.turn_end)
    if tuned:
        writer.add_chat_template(tokenizer.chat_format.template(bos=bool(tokenizer.beginning)))
