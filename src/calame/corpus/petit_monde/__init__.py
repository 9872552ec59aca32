"""The embedded corpus: French, Italian and English text about a small closed world, drawn from a seed.

`rows` gives five parts. The prose tells every fact of the world many times, evenly, in many wordings. The dialogues and
preferences show how questions are asked and answered, on half of the facts. The questions ask for the other half, whose
answers stand in the prose alone (recall) or nowhere (inference). The probes are sentences to be continued.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calame.corpus.petit_monde import questions as asking
from calame.corpus.petit_monde import world as worlds
from calame.corpus.petit_monde.dialogues import Interlocutor
from calame.corpus.petit_monde.language import Language
from calame.corpus.petit_monde.languages import BY_CODE
from calame.corpus.petit_monde.prose import Writer

PARTS = ("prose", "dialogues", "preferences", "probes", "questions")
LANGUAGES = ("fr", "it", "en")
MINIMUM_SIZE = 100_000
"""Bytes of prose: with less, the facts would be told too rarely to be learnt."""


def rows(part: str, *, seed: int, size: int, languages: Sequence[str] = LANGUAGES) -> Iterator[dict[str, object]]:
    """The rows of one part, the languages by turns.

    `size` is in bytes of UTF-8 prose over all the languages, dealt equally; each language stops with the first
    document that reaches its part. The other parts belong to the world that this size makes: its people grow with the
    bytes of one language. The same arguments give the same rows everywhere, and a language's rows are the same
    whatever the other languages are, as long as its share of bytes is.
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, not {part!r}")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed must be an integer, not {seed!r}")
    if isinstance(size, bool) or not isinstance(size, int) or size < MINIMUM_SIZE:
        raise ValueError(f"size must be an integer of at least {MINIMUM_SIZE} bytes, not {size!r}")
    unknown = [code for code in languages if code not in LANGUAGES]
    if isinstance(languages, str) or not languages or unknown or len(set(languages)) < len(languages):
        raise ValueError(f"languages must be distinct codes among {', '.join(LANGUAGES)}, not {languages!r}")
    share = -(-size // len(languages))
    world = worlds.draw(seed, worlds.population(share))
    return _by_turns([_rows(part, world, BY_CODE[code], seed, share) for code in languages])


def _rows(part: str, world: worlds.World, language: Language, seed: int, share: int) -> Iterator[dict[str, object]]:
    if part == "prose":
        return _prose(world, language, seed, share)
    if part == "dialogues":
        return Interlocutor(world, language, seed).dialogues()
    if part == "preferences":
        return Interlocutor(world, language, seed).preferences()
    return (asking.probes if part == "probes" else asking.questions)(world, language, seed)


def _prose(world: worlds.World, language: Language, seed: int, share: int) -> Iterator[dict[str, object]]:
    written = 0
    for index, document in enumerate(Writer(world, language, seed).documents()):
        yield {
            "text": document.text,
            "language": language.code,
            "group": f"petit-monde/{language.code}/{index}",
            "kind": document.kind,
        }
        written += len(document.text.encode())
        if written >= share:
            return


def _by_turns(streams: list[Iterator[dict[str, object]]]) -> Iterator[dict[str, object]]:
    """One row of each stream in turn, until all are spent."""
    while streams:
        left = []
        for stream in streams:
            row = next(stream, None)
            if row is not None:
                yield row
                left.append(stream)
        streams = left
