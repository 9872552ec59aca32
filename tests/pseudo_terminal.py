"""A real terminal for tests: a function runs in a process of its own at the other end of a pty."""

from __future__ import annotations

import codecs
import os
import pty
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable

CTRL_C, CTRL_D = "\x03", "\x04"


class PseudoTerminal:
    """What is typed goes through the terminal's line discipline: Ctrl-C is a signal to whoever runs there.

    seen: all that has been shown. `run` is forked, so that nothing is imported again."""

    def __init__(self, run: Callable[[], object]):
        self.seen, self.looked = "", 0
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a character
        self.process, self.end = pty.fork()
        if self.process == 0:
            _run_and_leave(run)

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """Until `text` is shown, after what was waited for before. Returns what was shown up to it, and it."""
        end = time.monotonic() + seconds
        while text not in self.seen[self.looked :]:
            assert time.monotonic() < end, f"no {text!r} in {self.seen[self.looked :]!r}"
            self._read()
        begin, self.looked = self.looked, self.seen.index(text, self.looked) + len(text)
        return self.seen[begin : self.looked]

    def interrupt(self, until: str, seconds: float = 20) -> None:
        """Ctrl-C, pressed again every second until `until` is shown: between the writing of a prompt and the wait for a
        key Python only notes it, and acts at the next one."""
        end = time.monotonic() + seconds
        while until not in self.seen[self.looked :]:
            assert time.monotonic() < end, f"no {until!r} in {self.seen[self.looked :]!r}"
            self.type(CTRL_C)
            again = time.monotonic() + 1
            while until not in self.seen[self.looked :] and time.monotonic() < again:
                self._read()
        self.wait_for(until)

    def leave(self, seconds: float = 20) -> int:
        """The exit code, once the process has ended; what it still showed is in `seen`."""
        end = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < end, f"it goes on: {self.seen[-300:]!r}"
        os.close(self.end)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def _read(self) -> bool:
        """Take in what is shown next, for at most a tenth of a second. False: it was closed."""
        if select.select([self.end], [], [], 0.1)[0]:
            try:
                found = os.read(self.end, 4096)
            except OSError:  # EIO: nobody is at the other end
                return False
            self.seen += self.decoder.decode(found).replace("\r\n", "\n")
            return bool(found)
        return True


def _run_and_leave(run: Callable[[], object]) -> None:
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode, closefd=False) for n, mode in enumerate("rww"))
        run()
        code = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
