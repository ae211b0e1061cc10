"""What ended a run, as an exit code: the contract's table, and nothing else decides about it."""

from __future__ import annotations

import errno

from envctl.errors import (
    BrokenError,
    BusyError,
    CheckError,
    EnvctlError,
    InputError,
    MachineError,
    Problems,
    StaleError,
    SwitchError,
    UsageError,
)

SUCCESS = 0
FAILED = 1
CHANGES = 2
CHECK = 3
INTERRUPTED = 130
TERMINATED = 143

_CODES: tuple[tuple[type[EnvctlError], int], ...] = (
    (UsageError, 64),
    (InputError, 65),
    (CheckError, CHECK),
    (StaleError, 4),
    (BusyError, 5),
    (SwitchError, 6),
    (BrokenError, 7),
    (EnvctlError, FAILED),
)

_OF_THE_DISK = {
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EACCES: "not-writable",
    errno.EPERM: "not-writable",
    errno.EROFS: "not-writable",
    errno.EMFILE: "too-many-files",
    errno.ENFILE: "too-many-files",
}

_HINTS = {
    "disk-full": "free some space; `envctl cache purge` empties the cache",
    "not-writable": "look at the owner and the permissions of that folder",
    "too-many-files": "`ulimit -n` raises the limit of open files",
}


class Terminated(BaseException):
    """The process was asked to end (SIGTERM). No `Exception`: nothing but clean-up may catch it."""


def choose_exit_code(error: BaseException) -> int:
    """Choose the exit code of what ended a run; of several problems the first one decides."""
    match error:
        case KeyboardInterrupt():
            return INTERRUPTED
        case Terminated():
            return TERMINATED
        case Problems():
            return choose_exit_code(error.errors[0])
        case _:
            return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def translate(error: OSError) -> MachineError:
    """Put an error of the system that no room expected into our form.

    Codes: `disk-full`, `not-writable`, `too-many-files`, `input-output`.
    """
    code = _OF_THE_DISK.get(error.errno or 0, "input-output")
    reason = error.strerror or type(error).__name__
    where = error.filename if isinstance(error.filename, str) else None
    subject = f"`{where}`: " if where else ""
    hint = _HINTS.get(code)
    return MachineError(code, f"{subject}{reason}", where=where, hints=[hint] if hint else [])
