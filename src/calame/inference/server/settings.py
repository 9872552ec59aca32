"""What a server is told at its start, and what it serves."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address

from calame.inference.engine import SLOTS, WAITING, Engine
from calame.inference.load import Loaded
from calame.inference.sampling import Sampling
from calame.recipe.errors import refuse

BODY, SECONDS = 1_000_000, 300.0


@dataclass(frozen=True)
class Settings:
    """sampling: where a request says nothing; its `limit` is also the most that one may ask for, and its seed is taken
    only where it is `seeded`: else each answer is drawn anew. key: what clients must show, or None. open: without one,
    whoever reaches it may ask. context: tokens of prompt and answer together, by default the model's. seconds: of an
    answer, its waiting included. body: bytes of a request."""

    name: str
    sampling: Sampling
    host: str = "127.0.0.1"
    port: int = 8000
    seeded: bool = False
    key: str | None = None
    open: bool = False
    slots: int = SLOTS
    waiting: int = WAITING
    context: int | None = None
    seconds: float = SECONDS
    body: int = BODY

    def check(self) -> None:
        """Raises `UserError` for a sampling without meaning, and where other machines could ask without a key."""
        self.sampling.check()
        if self.key is None and not self.private and not self.open:
            remedy = "set the key in the environment (export CALAME_API_KEY=...), or say --without-key"
            raise refuse("--host", f"{self.host} is reached from other machines, and no key is set", remedy=remedy)
        if self.key is not None and not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise refuse(
                "the API key", "holds a space, or what is not ASCII", "letters, digits, signs: what a header can carry"
            )

    @property
    def private(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass
class Served:
    """A model behind its engine. mute: why it cannot converse, or an empty string."""

    loaded: Loaded
    engine: Engine
    settings: Settings
    mute: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def context(self) -> int:
        """Tokens of a prompt and its answer together."""
        assert self.engine.size
        return self.engine.size
