"""What somebody else could have put into the cache is not believed: neither files nor kept answers.

Imports nothing but ``os``: every run pays for start-up.
"""

from __future__ import annotations

import os

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_BLOCK = 1 << 20


def is_ours(seen: os.stat_result) -> bool:
    """Whether a file or folder is of the user who runs this, and nobody else may write to it."""
    return os.name != "posix" or (seen.st_uid == os.geteuid() and not seen.st_mode & 0o022)


def is_trusted(folder: str) -> bool:
    """Whether a cache folder is there, and nobody else could have put anything into it."""
    try:
        return is_ours(os.stat(folder))
    except OSError:
        return False


def open_kept(folder: str, path: str) -> tuple[int, os.stat_result] | None:
    """Open a file of the cache ``folder`` for reading: its descriptor and status.

    None where there is none, and where it or the folder is not `is_ours`.
    """
    if not is_trusted(folder):
        return None
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    seen = os.fstat(descriptor)
    if is_ours(seen):
        return descriptor, seen
    os.close(descriptor)
    return None


def read_kept(folder: str, path: str) -> bytes | None:
    """Read a file of the cache ``folder``; None as `open_kept`, and where it cannot be read."""
    opened = open_kept(folder, path)
    if opened is None:
        return None
    descriptor, seen = opened
    try:
        data = os.read(descriptor, seen.st_size + 1)
        while len(data) <= seen.st_size and (more := os.read(descriptor, _BLOCK)):
            data += more
    except OSError:
        return None
    else:
        return data
    finally:
        os.close(descriptor)
