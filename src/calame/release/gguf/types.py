"""The types of file that are made, and what each gives every tensor: llama.cpp's own mixtures (its llama-quant.cpp),
with the same way out for rows that a type cannot hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from gguf import quants as plain
from torch import Tensor

from calame.model.config import ModelConfig
from calame.recipe.check import GGUF_GROUP as GROUP
from calame.recipe.errors import refuse
from calame.release.gguf.blocks import BLOCK, q4_k, q5_k, q6_k

T = GGMLQuantizationType
K_QUANTS = {T.Q4_K: q4_k, T.Q5_K: q5_k, T.Q6_K: q6_k}
SMALLER = {T.Q4_K: T.Q5_0, T.Q5_K: T.Q5_1, T.Q6_K: T.Q8_0}  # where rows are no multiple of 256


@dataclass(frozen=True)
class FileType:
    """name: as in file names. code: general.file_type. matrices: the type of most of them."""

    name: str
    code: LlamaFileType
    matrices: GGMLQuantizationType


FILE_TYPES = {
    "f16": FileType("F16", LlamaFileType.MOSTLY_F16, T.F16),
    "q8_0": FileType("Q8_0", LlamaFileType.MOSTLY_Q8_0, T.Q8_0),
    "q4_k_m": FileType("Q4_K_M", LlamaFileType.MOSTLY_Q4_K_M, T.Q4_K),
}


def file_type(name: str, config: ModelConfig) -> FileType:
    """Raises `UserError` for a type that is not written here, or that a model of this width cannot have."""
    if name.lower() not in FILE_TYPES:
        raise refuse("GGUF type", repr(name), ", ".join(FILE_TYPES), "--to gguf --type q8_0")
    found = FILE_TYPES[name.lower()]
    if found.matrices != T.F16 and config.hidden_size % GROUP:
        raise refuse(
            f"GGUF type {found.name}",
            f"rows of {config.hidden_size} weights (model.hidden_size), which no quantised type can hold",
            f"a multiple of {GROUP}",
            "take f16",
        )
    return found


def padded(config: ModelConfig, wanted: FileType) -> ModelConfig:
    """The configuration with as many more columns of zeros in the feed-forward block as the type's rows need. The
    function is the same: what is added is multiplied by zero."""
    if wanted.matrices == T.F16:
        return config
    size = BLOCK if wanted.matrices in K_QUANTS and config.hidden_size % BLOCK == 0 else GROUP
    return replace(config, intermediate_size=-(-config.intermediate_size // size) * size)


def tensor_type(name: str, shape: tuple[int, ...], config: ModelConfig, wanted: FileType) -> GGMLQuantizationType:
    """What a tensor is stored in. name: GGUF's. shape: (rows, columns), or (n,)."""
    if len(shape) < 2 or name == "position_embd.weight":
        return T.F32
    found = _mixed(name, config) if wanted.matrices == T.Q4_K else wanted.matrices
    ways_out = (found, SMALLER.get(found, T.F16), T.F16)
    return next(stored for stored in ways_out if shape[1] % GGML_QUANT_SIZES[stored][0] == 0)


def _mixed(name: str, config: ModelConfig) -> GGMLQuantizationType:
    """Q4_K_M: more bits for the head, and in half of the layers for what suffers most."""
    if name == "output.weight" or (name == "token_embd.weight" and config.tie_word_embeddings):
        return T.Q6_K
    more = ("attn_v", "attn_qkv", "ffn_down")
    if any(part in name for part in more) and _gets_more(int(name.split(".")[1]), config.num_hidden_layers):
        return T.Q6_K
    return T.Q4_K


def _gets_more(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third in between."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def encode(tensor: Tensor, stored: GGMLQuantizationType) -> np.ndarray:
    """The tensor's bytes: (rows, bytes of a row), or an array of floats for types that are none of blocks."""
    if stored in K_QUANTS:
        return K_QUANTS[stored](tensor).numpy()
    if stored in (T.F32, T.F16):
        return tensor.to(torch.float32 if stored == T.F32 else torch.float16).contiguous().numpy()
    return plain.quantize(tensor.float().contiguous().numpy(), stored)


def decode(data: np.ndarray, stored: GGMLQuantizationType) -> Tensor:
    """What stands in a file, in fp32, by the `gguf` package's own reading."""
    return torch.from_numpy(np.array(plain.dequantize(data, stored), dtype=np.float32))


def bytes_of(shape: tuple[int, ...], stored: GGMLQuantizationType) -> tuple[int, ...]:
    """The shape in bytes of a tensor of blocks."""
    block, size = GGML_QUANT_SIZES[stored]
    return (*shape[:-1], shape[-1] // block * size)
