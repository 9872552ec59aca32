"""Take over an existing tokenizer, of any kind that `transformers` knows, and give it the chat tokens it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken

from calame.recipe.errors import refuse
from calame.tokenizer.policy import ASSISTANT, CHATML, ChatFormat
from calame.tokenizer.tokenizer import Tokenizer

SAMPLE_CHAT = (
    {"role": "system", "content": "Sois bref."},
    {"role": "user", "content": "l'été :\n\n « 12 »"},
    {"role": "assistant", "content": "Oui"},
)


def adopt(location: str, chat: ChatFormat = CHATML) -> Tokenizer:
    """The tokenizer of a folder or `hub:ID`. Tokens of the chat format that it lacks are appended as single ids.

    `about["appended"]` is how many rows an embedding must grow by (their start: the mean of the others).
    """
    from transformers import AutoTokenizer

    name = location.removeprefix("hub:")
    if name == location and not Path(location).is_dir():
        raise refuse("tokenizer.from", f"{location}: no such folder", "a folder, or hub:ID")
    try:
        theirs: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        # The library raises many unrelated classes for a missing file, an unknown kind, or no network.
        raise refuse(
            "tokenizer.from",
            f"{location}: no tokenizer could be read: {' '.join(str(error).split())[:300]}",
            "a folder with tokenizer.json, or a hub id",
            "check the name, and the network",
        ) from None
    if not getattr(theirs, "is_fast", False):
        raise refuse(
            "tokenizer.from",
            f"{location}: {type(theirs).__name__} has no tokenizer.json form",
            remedy="convert it to a fast tokenizer first",
        )
    engine = tokenizers.Tokenizer.from_str(theirs.backend_tokenizer.to_str())
    engine.post_processor = None  # type: ignore[assignment]  # beginnings and ends are ours to set
    before = engine.get_vocab_size()
    engine.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in chat.tokens])
    special = {
        "pad": _first(theirs.pad_token_id, theirs.eos_token_id, theirs.sep_token_id, 0),
        "bos": _first(theirs.bos_token_id, theirs.cls_token_id, theirs.eos_token_id),
        "eos": _first(theirs.eos_token_id, theirs.sep_token_id),
        "turn_start": engine.token_to_id(chat.marks[ASSISTANT]),
        "turn_end": engine.token_to_id(chat.end),
    }
    if None in special.values():
        raise refuse(
            "tokenizer.from", f"{location}: it has no token for the end of a text", remedy="choose another one"
        )
    appended = engine.get_vocab_size() - before
    about = {"kind": "adopted", "split": None, "special": special, "appended": appended}
    tokenizer = Tokenizer(engine, about if chat == CHATML else {**about, "chat": chat.to_json()})
    _check(tokenizer, location)
    return tokenizer


def _check(tokenizer: Tokenizer, location: str) -> None:
    """Raises `UserError` where ids would be ambiguous, or conversations cut here otherwise than after an export."""
    vocabulary = tokenizer.engine.get_vocab(with_added_tokens=True)
    if len(set(vocabulary.values())) < len(vocabulary):
        raise refuse(
            "tokenizer.from",
            f"{location}: its ids have holes, and the chat tokens appended to it fall onto others",
            remedy="choose another one, or give it the chat tokens in its free ids",
        )
    *asked, _ = SAMPLE_CHAT
    answered, prompt = tokenizer.chat(SAMPLE_CHAT), tokenizer.chat(asked)
    whole = tokenizers.Tokenizer.from_str(tokenizer.engine.to_str())
    bos = str(whole.id_to_token(tokenizer.special.bos))
    text = tokenizer.chat_format.text(SAMPLE_CHAT, answer_next=True, bos=bos)
    if whole.encode(text, add_special_tokens=False).ids != answered or answered[: len(prompt)] != prompt:
        raise refuse(
            "tokenizer.from",
            f"{location}: it cuts the beginning of a text otherwise than what follows a special token, so that "
            "conversations could not be cut alike by every program",
            "a byte-level BPE, or a tokenizer that treats all beginnings alike",
            "choose another one",
        )


def _first(*ids: int | None) -> int | None:
    return next((i for i in ids if i is not None), None)
