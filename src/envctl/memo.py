"""Answers of functions without side effects, kept below the cache folder under a digest of what was asked.

::

    <cache>/<kind>/<2 digits>/<key>        a line with the digest of key and answer, and the answer

Anything may be missing or damaged at any time, and then counts as absent. Files appear by a rename and are
not flushed to the disk: after a loss of power a torn one is told by its digest, and so is one that lies
where another belongs. What somebody else could have written is not believed (`envctl.trust`). What cannot
be written (a full disk, a folder of somebody else) is not kept.
"""

from __future__ import annotations

import hashlib
import os

from envctl import atomic
from envctl.trust import is_trusted, read_kept

_LINE = b"envctl-memo 2 "


class Memo:
    """Answers of one machine; one that is not ``enabled`` reads and keeps nothing."""

    def __init__(self, cache_dir: str, *, enabled: bool = True) -> None:
        self._folder = cache_dir
        self._enabled = enabled

    def find(self, kind: str, key: str) -> bytes | None:
        """Return what is kept under ``key`` (hexadecimal), None when there is nothing that is whole."""
        found = read_kept(self._folder, self._path(kind, key)) if self._enabled else None
        return None if found is None else parse_answer(found, key)

    def has(self, kind: str, key: str) -> bool:
        """Whether there is a file for ``key``, whole or not."""
        return self._enabled and os.path.exists(self._path(kind, key))

    def keep(self, kind: str, key: str, data: bytes) -> None:
        """Keep an answer."""
        if self._enabled:
            put(self._folder, self._path(kind, key), _make_line(key, data) + data)

    def drop(self, kind: str, key: str) -> None:
        """Forget an answer."""
        try:
            atomic.remove(self._path(kind, key))
        except OSError:
            pass  # a folder of somebody else

    def _path(self, kind: str, key: str) -> str:
        return os.path.join(self._folder, kind, key[:2], key)


def parse_answer(data: bytes, key: str) -> bytes | None:
    """Give the answer that a file holds; None when it is damaged, or kept under another key."""
    line, end, answer = data.partition(b"\n")
    return answer if line + end == _make_line(key, answer) else None


def _make_line(key: str, data: bytes) -> bytes:
    digest = hashlib.sha256(key.encode("ascii") + b"\n")
    digest.update(data)
    return _LINE + digest.hexdigest().encode("ascii") + b"\n"


def put(folder: str, path: str, data: bytes) -> None:
    """Put a file into the cache ``folder``, whole or not at all.

    What cannot be written is not, nor is anything where somebody else could have laid links.
    """
    temporary = f"{path}.{os.urandom(6).hex()}.tmp"
    try:
        if not os.path.lexists(folder):
            atomic.make_directories(os.path.dirname(folder))
            atomic.make_directories(folder, mode=0o700)
        if not is_trusted(folder):
            return
        atomic.make_directories(os.path.dirname(path))
        atomic.write(temporary, data)
        atomic.rename(temporary, path)
    except OSError:
        try:
            atomic.remove(temporary)
        except OSError:
            pass  # it stays behind as a file that nobody looks at
