"""The file operations of a whole command, one by one: to be counted, failed, or the last thing it does.

Writing is announced by `envctl.atomic`; what is written elsewhere, and every opening and listing for
reading, by the interpreter's audit events. Only paths below the folder of the trial count.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from envctl import atomic

WRITES, READS = "writes", "reads"

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = frozenset(
    {
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.chmod",
        "os.utime",
        "os.truncate",
    }
)
_LISTING = frozenset({"os.listdir", "os.scandir"})
_ATOMIC = atomic.__file__

Act = Callable[[str, str], None]


class Points:
    """Calls ``act`` before the operation number ``at``, from 1, and before all after it if ``lasting``.

    Installed in the process that is disturbed: audit hooks cannot be taken away again. With ``note``, a
    path, each operation is written there as a line.
    """

    def __init__(
        self,
        root: str,
        kind: str,
        *,
        at: int = 0,
        act: Act | None = None,
        lasting: bool = False,
        note: str | None = None,
    ) -> None:
        self.root = root + os.sep
        self.kind = kind
        self.at = at
        self.act = act
        self.lasting = lasting
        self.note = note
        self.seen = 0
        self._noted = -1
        self._pid = 0

    def install(self) -> None:
        self._pid = os.getpid()
        if self.note is not None:
            self._noted = os.open(self.note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if self.kind == WRITES:
            atomic.hook = self._point
        sys.addaudithook(self._audit)

    def _point(self, operation: str, path: str) -> None:
        if os.getpid() != self._pid:
            return
        self.seen += 1
        number = self.seen
        if self._noted >= 0:
            os.write(self._noted, os.fsencode(f"{operation}\t{path}\n"))
        if self.act is not None and (number == self.at or (self.lasting and number > self.at)):
            self.act(operation, path)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            wanted = WRITES if flags & _WRITING else READS
        elif event in _CHANGING:
            path, wanted = arguments[0], WRITES
        elif event in _LISTING:
            path, wanted = arguments[0], READS
        else:
            return
        if wanted != self.kind or not isinstance(path, str | bytes):
            return
        text = os.fsdecode(path)
        if not text.startswith(self.root):
            return
        if sys._getframe(1).f_code.co_filename != _ATOMIC or self.kind == READS:
            self._point(event, text)


def die(operation: str, path: str) -> None:
    """End this process as a power cut would: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def failing(number: int) -> Act:
    """Fail operations with an error number."""

    def fail(operation: str, path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return fail
