"""A user's mistake: what, where, what is allowed, and the remedy, in one message and without a traceback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `where` is a recipe key or a file; empty fields are left out of the message."""

    where: str
    found: str
    allowed: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.found}"]
        if self.allowed:
            lines.append(f"  allowed: {self.allowed}")
        if self.remedy:
            lines.append(f"  remedy:  {self.remedy}")
        return "\n".join(lines)


class UserError(Exception):
    """Raised for what the user can mend; the command line prints it and leaves with exit code 2."""

    def __init__(self, problems: Problem | Sequence[Problem]):
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple:
        """So that it comes home from another process."""
        return type(self), (self.problems,)


def refuse(where: str, found: str, allowed: str = "", remedy: str = "") -> UserError:
    """The error for a single problem, to be raised: `raise refuse(where, found, allowed, remedy)`."""
    return UserError(Problem(where, found, allowed, remedy))
