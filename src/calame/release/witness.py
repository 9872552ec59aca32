"""How likely a model finds a few texts of ours: what tells its weights from any others, on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from calame.inference.load import Loaded, load_huggingface
from calame.release.huggingface import CHATS, PROMPTS


def witness(folder: Path) -> list[dict[str, Any]]:
    """{tokens, nats} of each text, in fp32 on the CPU. folder: a Hugging Face folder."""
    return testimony(load_huggingface(folder, "cpu"))


@torch.no_grad()
def testimony(loaded: Loaded) -> list[dict[str, Any]]:
    """nats: of all tokens behind the first, together."""
    tokenizer, context = loaded.tokenizer, loaded.model.config.max_position_embeddings
    told = []
    for ids in [*map(tokenizer.prompt, PROMPTS), *map(tokenizer.chat, CHATS)]:
        ids = [number for number in ids[:context] if number < loaded.model.config.vocab_size]
        tokens = torch.tensor(ids)
        logits = loaded.model.logits(loaded.model(tokens[None]))[0]
        nats = cross_entropy(logits[:-1].float(), tokens[1:], reduction="sum").item() if len(ids) > 1 else 0.0
        told.append({"tokens": len(ids), "nats": round(nats, 5)})
    return told
