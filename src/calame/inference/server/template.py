"""Whether conversations as we write them are those that a model was shown: what its own chat template says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.tokenizer.policy import ASSISTANT, USER

SAID = "abc"
CHAT = ({"role": USER, "content": SAID}, {"role": ASSISTANT, "content": SAID}, {"role": USER, "content": SAID})


def mute(loaded: Loaded) -> str:
    """Why a model cannot converse here, or an empty string. Raises `UserError` for a chat template in its folder that
    cannot be filled in, or that ends no turn with a token, so that answers would not stop."""
    fault = ""
    if (folder := Path(loaded.origin)).is_dir() and (folder / "config.json").is_file():
        fault = _of_folder(loaded, folder)
    if not fault and loaded.tokenizer.special.turn_end >= loaded.model.config.vocab_size:
        fault = "its vocabulary has no chat tokens: it was never shown a conversation of ours"
    return fault


def _of_folder(loaded: Loaded, folder: Path) -> str:
    """A Hugging Face folder; a checkpoint's tokenizer carries the chat format that it was tuned in."""
    from transformers import AutoTokenizer

    theirs: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not theirs.chat_template:
        return "its folder has no chat template"
    where, remedy = f"{folder}: chat template", "mend it; or remove it, to serve /v1/completions alone"
    try:
        filled = theirs.apply_chat_template(list(CHAT), add_generation_prompt=True, return_dict=True)
        ids = list(filled["input_ids"])
    except Exception as error:  # Jinja's own, and whatever a template raises
        raise refuse(where, f"cannot be filled in: {error}", remedy=remedy) from None
    ours, special = loaded.tokenizer.chat_format, loaded.tokenizer.special
    if not set(ids[1:]) & set(special.stops):  # the first may be BOS, which is EOS in some
        found = f"ends no turn with a token, so that answers would not stop: {theirs.decode(ids)!r}"
        raise refuse(where, found, f"{ours.end} or {theirs.eos_token} after each turn", remedy)
    if ids != loaded.tokenizer.chat(CHAT):
        return f"its chat template writes conversations otherwise than {ours.name}: {theirs.decode(ids)!r}"
    return ""
