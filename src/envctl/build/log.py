"""What a backend printed: a file in the cache, written by the backend itself as it goes on."""

from __future__ import annotations

import os
from typing import Protocol

from envctl import atomic

#: Bytes of the end of a log that are read to be shown.
_END = 1 << 16


class Log(Protocol):
    """Takes what a backend prints."""

    @property
    def descriptor(self) -> int:
        """What a program writes to."""

    def note(self, line: str) -> None:
        """Add a line of our own."""

    def read_end(self) -> str:
        """Read what was printed last."""


class LogFile:
    """A log at ``path``, which appears there, whole, when it is closed; what was there is replaced."""

    def __init__(self, path: str) -> None:
        """Begin it. Raises `OSError`."""
        self.path = path
        self._temporary = f"{path}.{atomic.unique_name()}"
        self._is_kept = True
        self._file = atomic.create(self._temporary)

    @property
    def descriptor(self) -> int:
        """See `Log.descriptor`."""
        return self._file.fileno()

    def note(self, line: str) -> None:
        """See `Log.note`."""
        self._file.write(f"{line}\n".encode(errors="backslashreplace"))
        self._file.flush()

    def read_end(self) -> str:
        """See `Log.read_end`."""
        with open(self._temporary, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _END, 0))
            return file.read().decode("utf-8", "replace")

    def discard(self) -> None:
        """Leave what is in its place when it is closed."""
        self._is_kept = False

    def close(self) -> None:
        """Put it in its place."""
        self._file.close()
        if self._is_kept:
            atomic.rename(self._temporary, self.path)
        else:
            atomic.remove(self._temporary)
