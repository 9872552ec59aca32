"""What a precision makes of a model: the type its weights are kept in, and how its matrices multiply."""

from __future__ import annotations

import torch

from calame.model.decoder import Decoder
from calame.model.device import Device
from calame.model.float8 import MULTIPLE, use_float8
from calame.recipe.errors import refuse
from calame.run.progress import say


def apply_precision(model: Decoder, device: Device) -> Decoder:
    """The weights in the precision's own type, in place; buffers (the rotary table) stay in fp32.

    bf16-rounded keeps what has one dimension (norms, biases) in fp32: it is less than a thousandth of the weights.
    """
    if device.weights != torch.float32:
        for parameter in model.parameters():
            if parameter.dim() >= 2 or device.precision == "bf16-scaled":
                parameter.data = parameter.data.to(device.weights)
    if device.precision == "fp8":
        number, of = use_float8(model)
        if not number:
            raise refuse(
                "pretrain.precision",
                f"no matrix of the blocks has sides that divide by {MULTIPLE}, as fp8 needs",
                f"model.hidden_size and model.intermediate_size multiples of {MULTIPLE}",
                "or pretrain.precision=bf16",
            )
        say(f"  fp8: {number} of {of} matrices of the blocks multiply in 8 bits, the others in bf16")
    return model
