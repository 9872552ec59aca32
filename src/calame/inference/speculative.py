"""One pass of a running batch: each row's next token, or with a draft model its next few.

Speculative decoding (Leviathan et al. 2023) by exact match: a smaller model proposes the next tokens, the model itself
reads them all in one pass, and of the tokens that it would have chosen at their places those up to the first
difference, and one more, are kept. Each place has its own random number (`Request.noise`), which draft and model share:
so what is kept is token for token what the model alone says, also where it is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

from calame.inference.load import Loaded
from calame.inference.reader import Reader
from calame.inference.rows import Chosen, Rows
from calame.inference.sampling import Needs
from calame.recipe.errors import refuse

AHEAD = 4  # tokens that a draft proposes in each pass


@dataclass(frozen=True)
class Draft:
    """A smaller model of the same tokenizer that proposes `ahead` tokens in each pass."""

    reader: Reader
    ahead: int


def check_draft(loaded: Loaded, draft: Loaded) -> None:
    """Raises `UserError` for a draft that means other tokens by the same ids, or has fewer positions."""
    if draft.tokenizer.hash != loaded.tokenizer.hash or draft.model.config.vocab_size != loaded.model.config.vocab_size:
        raise refuse("draft", f"{draft.origin} has another tokenizer", f"the tokenizer of {loaded.origin}")
    rooms = [each.model.config.max_position_embeddings for each in (draft, loaded)]
    if rooms[0] < rooms[1]:
        raise refuse("draft", f"{draft.origin} has {rooms[0]} positions", f"at least {rooms[1]}, as {loaded.origin}")


def advance(
    state: Rows, model: Reader, draft: Draft | None, rows: int, needs: Needs, size: int | None = None
) -> Chosen:
    """The next tokens of the first `rows` rows. size: see `Reader.go_on`. Nothing here waits for the device."""
    here, ahead = slice(0, rows), 0
    if draft is not None:
        ahead = draft.ahead
        _propose(state, draft, here, needs, size)
    places = state.places(here, -1, ahead + 1)
    return state.settle(here, model.go_on(state.ids[here].gather(1, places), places, size), needs)


def _propose(state: Rows, draft: Draft, here: slice, needs: Needs, size: int | None) -> None:
    """Write the draft's proposals after the rows' tokens. It reads the last two tokens first: where all that it had
    proposed was kept, it has not seen the last of it."""
    for number in range(draft.ahead):
        time = 1 if number else 2
        places = state.places(here, number - time, time)
        logits = draft.reader.go_on(state.ids[here].gather(1, places), places, size)[:, -1:]
        proposed = state.choose(here, logits, needs, number)
        state.ids[here].scatter_(1, state.places(here, number, 1), proposed)
