"""A model that is a table of bigrams: after each token one other is likely, in short circles, so that it loops."""

from __future__ import annotations

from pathlib import Path

import torch

from builders import decoder_of, texts, tokenizer_of
from calame.evaluation.behaviour.prompts import Prompt
from calame.inference.load import Loaded, load_checkpoint
from calame.model.decoder import Decoder
from calame.run import checkpoint

CIRCLE = 4  # tokens
SIZE = 96  # hidden_size: vectors of 330 tokens that hardly resemble each other


def bigram_model(strength: float, seed: int = 0) -> Decoder:
    """Its blocks add nothing: what is said depends on the last token alone. strength 0: anything may follow."""
    model = decoder_of(
        hidden_size=SIZE, num_hidden_layers=1, tie_word_embeddings=False, max_position_embeddings=128, seed=seed
    )
    draw = torch.Generator().manual_seed(seed)
    special = len(tokenizer_of().special.stops) + 4
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor.zero_()
    vectors = torch.nn.functional.normalize(torch.randn(330, SIZE, generator=draw), dim=-1)
    said = special + torch.randperm(330 - special, generator=draw)
    said = said[: len(said) // CIRCLE * CIRCLE].reshape(-1, CIRCLE)
    head = torch.zeros(330, SIZE)
    head[said.roll(-1, 1).flatten()] = strength * vectors[said.flatten()]
    (embedding,) = (name for name in state if "embed" in name)
    (lm_head,) = (name for name in state if "head" in name)
    state[embedding].copy_(vectors)
    state[lm_head].copy_(head)
    model.load_state_dict(state)
    return model


def saved(folder: Path, model: Decoder, step: int = 1) -> Loaded:
    """The model as a checkpoint of a stage, loaded again."""
    state = {"tokenizer": tokenizer_of().hash, "model": model.config.to_json()}
    tokenizer_of().save(folder / "tokenizer")
    return load_checkpoint(checkpoint.save(folder / "checkpoints", step, {"model": model.state_dict()}, state), "cpu")


def prompts_of(number: int, languages: tuple[str, ...] = ("fr", "it")) -> list[Prompt]:
    """So many prompts of each language, halves in turn."""
    return [
        Prompt(text, language, "narrative", "holdout" if place % 2 else "tuning")
        for language in languages
        for place, text in enumerate(texts(number, language=language, words=(3, 6)))
    ]
