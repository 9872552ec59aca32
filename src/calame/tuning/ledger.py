"""What became of each set that was read: used, or set aside by a reason, summing exactly; and by which licence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from calame.run.progress import say
from calame.tuning.encode import Example
from calame.tuning.messages import Unusable

SAMPLES = 3  # rows of each reason that are shown


@dataclass
class SetLedger:
    """read = used + all of dropped. tokens, learnt: of those used, read once; cut: those that lost their last turns."""

    repeat: int = 1
    read: int = 0
    used: int = 0
    cut: int = 0
    tokens: int = 0
    learnt: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def use(self, license_: str, *examples: Example) -> None:
        self.read += 1
        self.used += 1
        self.licenses[license_] += 1
        self.cut += any(example.cut for example in examples)
        self.tokens += sum(len(example.tokens) for example in examples)
        self.learnt += sum(example.learnt for example in examples)

    def drop(self, item: Unusable) -> None:
        self.read += 1
        self.dropped[item.reason] += 1
        samples = self.samples.setdefault(item.reason, [])
        if len(samples) < SAMPLES:
            samples.append({"place": item.place, "sample": item.sample})

    def to_json(self) -> dict[str, Any]:
        assert self.read == self.used + self.dropped.total()
        return {
            "read": self.read,
            "used": self.used,
            "cut at a turn": self.cut,
            "repeat": self.repeat,
            "tokens": self.tokens,
            "learnt": self.learnt,
            "dropped": dict(sorted(self.dropped.items())),
            "licenses": dict(sorted(self.licenses.items())),
            "samples": self.samples,
        }

    def tell(self, name: str) -> None:
        """What was set aside, aloud."""
        for reason, number in self.dropped.most_common():
            say(f"  {name}: {number:,} of {self.read:,} left out, {reason}; the first at {self._first(reason)}")

    def _first(self, reason: str) -> str:
        return self.samples[reason][0]["place"]
