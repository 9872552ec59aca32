"""A row: one record of a file, or what can be said of one that is broken or lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SAMPLE = 200  # characters of a rejected record that are kept
LONGEST = 64 << 20  # bytes of one line, page or text: what is longer is set aside, and memory stays bounded
DAMAGED, UNREADABLE = "damaged file", "unreadable file"  # rules by which a file, or the rest of it, is lost


@dataclass(frozen=True)
class Row:
    """One record of a file. `values` is None for a broken record, whose `fault`, size in bytes and `sample` remain.

    What stands before the first colon of `fault` is the rule that names it in the ledger.
    """

    values: dict[str, Any] | None
    place: str
    fault: str = ""
    size: int = 0
    sample: str = ""

    @property
    def lost(self) -> bool:
        """Whether this row stands for a file that could not be read to its end."""
        return self.fault.split(":")[0] in (DAMAGED, UNREADABLE)


class Damaged(Exception):
    """A file cannot be read on: why, by which rule it is lost, and how many of its bytes were not read."""

    def __init__(self, why: object, rule: str = DAMAGED, unread: int = 0):
        super().__init__(" ".join(str(why).split()))
        self.rule, self.unread = rule, unread


def too_long(what: str, place: str, size: int, sample: str) -> Row:
    return Row(None, place, f"{what} too long: {size:,} bytes, at most {LONGEST:,} are read", size, sample[:SAMPLE])


def sample_of(content: bytes) -> str:
    """The beginning of a record's bytes, as text that can be written whatever they are."""
    return content[: 4 * SAMPLE].decode("utf-8", "backslashreplace")[:SAMPLE]
