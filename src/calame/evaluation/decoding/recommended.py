"""The parameters that a decoding search recommends, for those who use its model: only for the weights they are of."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from calame.evaluation.decoding.files import Recommended
from calame.evaluation.identity import weights_of
from calame.evaluation.records import read_record
from calame.inference.load import Loaded
from calame.recipe.errors import refuse
from calame.run.progress import say


def recommended_for(loaded: Loaded, file: Path) -> Recommended | None:
    """What a file recommends for these weights; None, said aloud, where it is of others. Raises `UserError` for a file
    that is none of ours."""
    if not file.is_file():
        return None
    try:
        found = read_record(file, Recommended)
    except (ValidationError, UnicodeDecodeError):
        remedy = "search again (calame search-decoding RUN), or remove it"
        raise refuse(str(file), "no recommendation of a decoding search", remedy=remedy) from None
    if found.weights != weights_of(Path(loaded.origin)):
        say(f"  {file} is of other weights than {loaded.origin}: not taken. calame search-decoding RUN searches again")
        return None
    return found
