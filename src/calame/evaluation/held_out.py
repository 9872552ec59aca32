"""The validation text of a run, as the tokens of the model under measurement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from calame.corpus.decisions import VALIDATION
from calame.corpus.kept import read_kept
from calame.evaluation.measurement import CannotMeasure, Setting
from calame.recipe.slices import slice_name
from calame.run.files import read_json
from calame.shards.read import Shard
from calame.tokenizer.tokenizer import Tokenizer
from calame.training.slices import Slice, make_slice, slices_of


def held_out(setting: Setting, tokenizer: Tokenizer, context: int, stride: int) -> list[Slice]:
    """All validation documents of the setting's run: from its shards where their tokenizer is this one, else cut anew
    from their text, so that any model can be measured on them. Raises `CannotMeasure` where there are neither."""
    if setting.recipe is None:
        raise CannotMeasure("the model belongs to no run, and so there is no validation text; name one: --on RUN")
    corpus, found = setting.recipe.corpus, []
    for name in corpus.sources:
        shards, documents = setting.stages.get(f"shards/{name}"), setting.stages.get(f"corpus/{name}")
        if shards and read_json(shards / "header.json")["tokenizer"] == tokenizer.hash:
            opened = Shard(shards, "validation", tokenizer)
            found += slices_of([opened], tokenizer, context, stride, ood=corpus.ood)
        elif documents and "corpus" in setting.stages:
            folders = (documents, setting.stages["corpus"])
            found += _of_text(name, *folders, name in corpus.ood, tokenizer, context, stride)
        else:
            raise CannotMeasure(f"the run has neither shards of {name} for this tokenizer nor its text")
    return found


def _of_text(
    source: str, folder: Path, joined: Path, ood: bool, tokenizer: Tokenizer, context: int, stride: int
) -> Iterator[Slice]:
    kept = [part.document for part in read_kept(folder, joined, source) if part.split == VALIDATION]
    for language in dict.fromkeys(document.language for document in kept):
        texts = [document.text for document in kept if document.language == language]
        hashes = [document.hash for document in kept if document.language == language]
        encoded = tokenizer.encode_many(texts)
        tokens = [np.array([*tokenizer.beginning, *ids, tokenizer.special.eos]) for ids in encoded]
        sizes = [len(text.encode()) for text in texts]
        yield make_slice(slice_name(language, source, ood), tokens, sizes, hashes, tokenizer, context, stride)
