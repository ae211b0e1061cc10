"""Answers of functions without side effects, kept below the cache folder under a digest of what was asked.

::

    <cache>/<kind>/<2 digits>/<key>        a line with the digest of the rest, and the answer

Anything may be missing or damaged at any time, and then counts as absent. Files appear by a rename and are
not flushed to the disk: after a loss of power a torn one is told by its digest. What cannot be written (a
full disk, a folder of somebody else) is not kept.
"""

from __future__ import annotations

import hashlib
import os

from envctl import atomic

_LINE = b"envctl-memo 1 "


class Memo:
    """Answers of one machine; one that is not ``enabled`` reads and keeps nothing."""

    def __init__(self, cache_dir: str, *, enabled: bool = True) -> None:
        self._folder = cache_dir
        self._enabled = enabled

    def find(self, kind: str, key: str) -> bytes | None:
        """Return what is kept under ``key`` (hexadecimal), None when there is nothing that is whole."""
        if not self._enabled or not self._is_trusted():
            return None
        try:
            with open(self._path(kind, key), "rb", buffering=0) as file:
                line, _, data = file.read().partition(b"\n")
        except OSError:
            return None
        return data if line == _LINE + hashlib.sha256(data).hexdigest().encode("ascii") else None

    def has(self, kind: str, key: str) -> bool:
        """Whether there is a file for ``key``, whole or not."""
        return self._enabled and os.path.exists(self._path(kind, key))

    def keep(self, kind: str, key: str, data: bytes) -> None:
        """Keep an answer."""
        if self._enabled:
            line = _LINE + hashlib.sha256(data).hexdigest().encode("ascii") + b"\n"
            put(self._path(kind, key), line + data)

    def _is_trusted(self) -> bool:
        """Whether nobody else could have put answers there: what the store refuses is not believed here."""
        if os.name != "posix":
            return True
        try:
            seen = os.stat(self._folder)
        except OSError:
            return False
        return seen.st_uid == os.geteuid() and not seen.st_mode & 0o022

    def _path(self, kind: str, key: str) -> str:
        return os.path.join(self._folder, kind, key[:2], key)


def put(path: str, data: bytes) -> None:
    """Put a file into a cache, whole or not at all; what cannot be written is not."""
    temporary = f"{path}.{os.urandom(6).hex()}.tmp"
    try:
        atomic.make_directories(os.path.dirname(path))
        atomic.write(temporary, data)
        atomic.rename(temporary, path)
    except OSError:
        try:
            atomic.remove(temporary)
        except OSError:
            pass  # it stays behind as a file that nobody looks at
