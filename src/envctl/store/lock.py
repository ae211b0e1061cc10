"""A kernel lock a key, so that parallel processes make an entry once.

It dies with its holder: there is nothing to clean up by force. The lock file is removed by whoever holds
it last; who opened the removed one notices and opens it anew. Where the file system knows no locks there
is none: the rename that publishes an entry is what keeps it whole.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def hold(path: str) -> Iterator[None]:
    """Hold the lock named by the file at ``path``, waiting for it.

    Raises FileNotFoundError where the folder is not there (any more).
    """
    descriptor = take(path)
    try:
        yield
    finally:
        release(path, descriptor)


def take(path: str) -> int:
    """Take the lock as `hold` does; the descriptor is for `release`."""
    descriptor = _acquire(path, wait=True)
    assert descriptor is not None  # noqa: S101 - it was waited for
    return descriptor


def try_to_hold(path: str) -> int | None:
    """Take the lock if nobody has it; the descriptor is for `release`. None when it is held."""
    return _acquire(path, wait=False)


def release(path: str, descriptor: int) -> None:
    """Let go of a lock and remove its file, unless a purge has, and what is there now is another's."""
    try:
        if _is_same(path, descriptor):
            os.unlink(path)  # while it is held: nobody can hold another lock of this name unnoticed
    except OSError:
        pass  # Windows: others have it open, and the last of them removes it
    finally:
        os.close(descriptor)


def _acquire(path: str, *, wait: bool) -> int | None:
    while True:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if not _lock(descriptor, wait=wait):
                os.close(descriptor)
                return None
            if _is_same(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_same(path: str, descriptor: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


if sys.platform != "win32":

    def _lock(descriptor: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks
        return True

else:

    def _lock(descriptor: int, *, wait: bool) -> bool:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
                time.sleep(0.02)
            else:
                return True
