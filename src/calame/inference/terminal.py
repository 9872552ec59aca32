"""The user's terminal, or a pipe in its place."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

with suppress(ImportError):  # the line can then be edited, and earlier ones come back; not everywhere
    import readline  # noqa: F401

PROMPT, MORE, BLOCK = "> ", "… ", '"""'
CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}  # shown as ␛, and not obeyed
CONTROL |= dict.fromkeys(range(0x7F, 0xA0), 0xFFFD)


def as_text(typed: str) -> str:
    """What was typed, or given as an argument: bytes that are no UTF-8, which Python brings as half characters, become
    the mark of such."""
    return typed.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Terminal:
    """Lines that are read, answers that are written, notes about them.

    lively: both ends are a terminal; else there is no prompt, and notes go to the errors' stream, so that the output is
    answers alone."""

    def __init__(self) -> None:
        self.lively = sys.stdin.isatty() and sys.stdout.isatty()
        self._dim = self.lively and not os.environ.get("NO_COLOR")

    def read(self) -> str | None:
        """A line, or what stands between two lines that begin and end with three quotes. None at the input's end."""
        line = self._line(PROMPT)
        if line is None or not line.startswith(BLOCK):
            return line
        lines, line = [], line.removeprefix(BLOCK)
        while not line.rstrip().endswith(BLOCK):
            lines.append(line)
            if (more := self._line(MORE)) is None:
                if self.lively:  # who closes it in the middle of a block wants to leave
                    return None
                break
            line = more
        text = "\n".join([*lines, line.rstrip().removesuffix(BLOCK)])
        return f" {text.strip()}"  # a space before it: no command, whatever its first line is

    def _line(self, prompt: str) -> str | None:
        try:
            return as_text(input(prompt if self.lively else ""))
        except EOFError:
            if self.lively:
                print()
            return None
        except UnicodeDecodeError:  # bytes that are no text: as good as nothing
            return ""

    def write(self, text: str) -> None:
        """A piece of an answer. What would move the cursor or change the terminal is shown instead."""
        sys.stdout.write(text.translate(CONTROL))
        sys.stdout.flush()

    def note(self, text: str) -> None:
        stream = sys.stdout if self.lively else sys.stderr
        print(f"\033[2m{text}\033[0m" if self._dim else text, file=stream, flush=True)
