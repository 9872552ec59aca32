"""llama.cpp itself, through llama-cpp-python where it is installed (extra `llamacpp`): ids, logits, greedy text."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

PACKAGE = "llama_cpp"


def available() -> bool:
    return importlib.util.find_spec(PACKAGE) is not None


@cache
def _library() -> Any:
    """The package, told once to keep its log to itself."""
    library: Any = importlib.import_module(PACKAGE)
    library.silent = library.llama_log_callback(lambda *said: None)  # called for as long as the process lives
    library.llama_log_set(library.silent, None)
    return library


class LlamaCpp:
    """A file, run by llama.cpp on the CPU, with keys and values in fp32."""

    def __init__(self, path: Path, context: int):
        self.library = _library()
        threads = torch.get_num_threads()
        self.model: Any = self.library.Llama(
            str(path),
            n_ctx=context,
            n_batch=context,
            n_ubatch=context,
            n_threads=threads,
            n_threads_batch=threads,
            logits_all=True,
            type_k=self.library.GGML_TYPE_F32,
            type_v=self.library.GGML_TYPE_F32,
            verbose=False,
        )

    def close(self) -> None:
        self.model.close()

    def ids(self, text: str, special: bool = False) -> list[int]:
        """With what the file says stands in front; special: whether spelled-out special tokens are taken as such."""
        return list(self.model.tokenize(text.encode(), add_bos=True, special=special))

    def logits(self, ids: Sequence[int]) -> Tensor:
        """After each of the ids: (time, vocabulary)."""
        self.model.reset()
        self.model.eval(list(ids))
        return torch.from_numpy(np.array(self.model.scores[: len(ids)]))

    def ends(self, token: int) -> bool:
        """Whether generation ends at a token."""
        return bool(self.library.llama_vocab_is_eog(self.library.llama_model_get_vocab(self.model.model), token))

    def go_on(self, ids: Sequence[int], limit: int) -> list[int]:
        """The likeliest tokens, until one ends it; ids and limit are within the context."""
        self.model.reset()
        self.model.eval(list(ids))
        said: list[int] = []
        while len(said) < limit:
            token = int(self.model.scores[len(ids) + len(said) - 1].argmax())
            if self.ends(token):
                break
            said.append(token)
            if len(said) < limit:
                self.model.eval([token])
        return said
