"""Kernel locks, so that of two runs one waits: for the environment, and for manifest and lock.

A lock dies with its holder: there is nothing to clean up by force. The file's text is the holder's
process id, for people only. The file may be removed by its holder (`remove_held`); who waited for the
removed one notices, and opens it anew.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from envctl import atomic
from envctl.errors import BusyError, MachineError
from envctl.model.events import Emit, Notice

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.1
# Windows locks bytes, and nobody can read those: one far behind the text.
_FAR = 1 << 30

#: The folder of the cache in which writers of a manifest find its lock.
_IN_CACHE = "locks"


@contextmanager
def hold(path: str, *, timeout: float, emit: Emit) -> Iterator[None]:
    """Hold the lock at ``path`` (its folder is made), waiting at most ``timeout`` seconds.

    That there is something to wait for is told once.

    Raises:
        BusyError: `locked` when somebody else holds it all the while.
        MachineError: `no-lock` when the file cannot be made or locked.
    """
    descriptor = _acquire(path, timeout, emit)
    try:
        yield
    finally:
        os.close(descriptor)


def lock_path_for(manifest: str, folder: str) -> str:
    """Name the lock that orders writers of a manifest and its lock: a file in the cache ``folder``."""
    key = hashlib.sha256(os.fsencode(os.path.realpath(manifest))).hexdigest()
    return os.path.join(folder, _IN_CACHE, f"{key[:32]}.lock")


def find_holder(path: str) -> int | None:
    """Tell the process that holds the lock at ``path`` now; 0 when it did not say; None when nobody does.

    Writes nothing and does not wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        return None if _try(descriptor, shared=True) else _read_holder(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _acquire(path: str, timeout: float, emit: Emit) -> int:
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    announced = False
    descriptor, _ = _attempt(path)
    if descriptor is not None:
        return descriptor
    # Who asks for the holder (`find_holder`) holds it himself for an instant: once is not yet another run.
    time.sleep(_FIRST_PAUSE)
    while True:
        descriptor, holder = _attempt(path)
        if descriptor is not None:
            return descriptor
        if time.monotonic() >= deadline:
            raise BusyError(
                "locked",
                f"another run{_by(holder)} holds `{path}`, and it did not end within {timeout:g} s",
                where=path,
                hints=("wait for it to end, or give it more time with `--lock-timeout`",),
            )
        if not announced:
            emit(Notice("info", "waiting", f"waiting for another run{_by(holder)} to end"))
            announced = True
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _by(holder: int) -> str:
    return f" (process {holder})" if holder else ""


def _attempt(path: str) -> tuple[int | None, int]:
    """Try once: the descriptor, or who holds the lock instead."""
    while True:
        descriptor = _open(path)
        try:
            if not _try(descriptor):
                holder = _read_holder(descriptor)
                os.close(descriptor)
                return None, holder
            if _is_there(path, descriptor):
                _sign(descriptor)
                return descriptor, 0
        except OSError as error:
            os.close(descriptor)
            raise _cannot(path, error) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    try:
        atomic.overwrite(descriptor, f"{os.getpid()}\n".encode())
    except OSError:
        pass  # a full disk keeps nobody from rolling back or destroying


def _open(path: str) -> int:
    try:
        while True:
            try:
                return os.open(path, _FLAGS, 0o644)
            except FileNotFoundError:
                # The folder is not there, or its last user has just removed it.
                atomic.make_directories(os.path.dirname(path))
    except OSError as error:
        raise _cannot(path, error) from error


def _cannot(path: str, error: OSError) -> MachineError:
    is_of_cache = os.path.basename(os.path.dirname(path)) == _IN_CACHE
    return MachineError(
        "no-lock",
        f"`{path}` cannot be locked: {error.strerror}",
        where=path,
        hints=("--cache-dir or ENVCTL_CACHE_DIR names another folder for the cache",) if is_of_cache else (),
    )


def _is_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _read_holder(descriptor: int) -> int:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 20).strip()
    return int(text) if text.isdigit() else 0


if sys.platform == "win32":

    def _try(descriptor: int, *, shared: bool = False) -> bool:
        del shared  # there is but one kind; it is let go of when the descriptor is closed
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try(descriptor: int, *, shared: bool = False) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
