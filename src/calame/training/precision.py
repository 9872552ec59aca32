"""The precision in which weights are kept."""

from __future__ import annotations

import torch

from calame.model.decoder import Decoder
from calame.model.device import Device


def cast_weights(model: Decoder, device: Device) -> Decoder:
    """The weights in the precision's own type; buffers (the rotary table) stay in fp32.

    bf16-rounded keeps what has one dimension (norms, biases) in fp32: it is less than a thousandth of the weights.
    """
    if device.weights != torch.float32:
        for parameter in model.parameters():
            if parameter.dim() >= 2 or device.precision == "bf16-scaled":
                parameter.data = parameter.data.to(device.weights)
    return model
