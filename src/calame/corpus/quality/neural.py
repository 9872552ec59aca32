"""A neural classifier: an encoder of the XLM-R type with a head that gives the chance of each grade.

The score is the expected grade over the highest one, as Gaperon's filter ranks web pages: an XLM-R trained on labels
low, medium, high. Only the first `length` tokens of a document are read.

model.safetensors, config.json   the encoder, as `transformers` writes it
tokenizer.json                   of the `tokenizers` library
quality.json                     kind, grades, length, ids of the tokens around a text, and how it was trained
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calame.corpus.quality.scorer import ABOUT, expected_grade, read_about
from calame.run.files import write_json

TOKENIZER = "tokenizer.json"
WINDOW = 4096  # documents that are sorted by length together, so that a batch is hardly padded
BATCH_TOKENS = {"cuda": 65_536, "cpu": 4096}  # of a batch, padding counted
CHARACTERS_PER_TOKEN = 12  # of a text that are encoded at all: more than any tokenizer's mean
PACK = 8  # lengths of batches are multiples of it, which GPUs multiply faster


class NeuralScorer:
    """`model`: a `transformers` model for sequence classification, on its device; `engine`: its tokenizer."""

    name = "neural"

    def __init__(self, model: Any, engine: Any, about: dict[str, Any]):
        self.model, self.engine, self.about = model, engine, about
        engine.no_padding()
        engine.no_truncation()
        self.device = next(model.parameters()).device

    @staticmethod
    def load(folder: Path, device: str = "auto", key: str = "corpus.quality.from") -> NeuralScorer:
        from tokenizers import Tokenizer
        from transformers import AutoModelForSequenceClassification

        from calame.model.device import choose_device

        quiet()
        about = read_about(folder, key, "neural")
        model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        model = model.to(choose_device(device).torch).eval()
        return NeuralScorer(model, Tokenizer.from_file(str(folder / TOKENIZER)), about)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        self.engine.save(str(folder / TOKENIZER))
        write_json(folder / ABOUT, self.about)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text's beginning, at most `length`, with the tokens that stand before and after."""
        length = self.about["length"]
        heads = [text[: length * CHARACTERS_PER_TOKEN] for text in texts]
        encoded = self.engine.encode_batch_fast(heads, add_special_tokens=False)
        return [[self.about["first"], *one.ids[: length - 2], self.about["last"]] for one in encoded]

    def score_many(self, texts: Sequence[str], languages: Sequence[str]) -> np.ndarray:
        import torch

        scores = np.zeros(len(texts), np.float32)
        with torch.inference_mode():
            for begin in range(0, len(texts), WINDOW):
                rows = self.encode(texts[begin : begin + WINDOW])
                for batch in batches([len(row) for row in rows], BATCH_TOKENS.get(self.device.type, 4096)):
                    logits = self.logits([rows[i] for i in batch])
                    scores[begin + np.array(batch)] = expected_grade(logits.float().softmax(-1).cpu().numpy())
        return scores

    def logits(self, rows: Sequence[Sequence[int]]) -> Any:
        """(rows, grades), in bf16 on a GPU that has it; the rows are padded to the longest."""
        import torch

        longest = -(-max(map(len, rows)) // PACK) * PACK
        longest = min(longest, self.about["length"])
        ids = torch.full((len(rows), longest), self.about["pad"])
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = 1
        bf16 = self.device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            return self.model(ids.to(self.device), attention_mask=mask.to(self.device)).logits


def quiet() -> None:
    """No bars and remarks of `transformers`: ours say what there is to say."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Positions of rows in batches of about `tokens` (rows times the longest), the longest first: what does not fit
    into memory fails at once."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch
