"""Whether there is room on a file system for what is to be written, asked before it is."""

from __future__ import annotations

import os

from envctl.errors import MachineError

#: What a file takes at least: most file systems give it whole blocks of so many bytes.
BLOCK = 4096


def take_up(size: int) -> int:
    """Give the bytes that a file of this size takes on the disk."""
    return (size + BLOCK - 1) // BLOCK * BLOCK


def require_room(folder: str, what: str, *, size: int, inodes: int, hint: str) -> None:
    """Refuse to begin what cannot be ended. An estimate: other programs may fill the disk meanwhile.

    ``folder`` is one that is there on the right file system, ``what`` the subject of the sentence.

    Raises:
        MachineError: `no-space`.
    """
    if os.name != "posix":
        return
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if size > free:
        raise _no_space(folder, f"{what} needs {_tell(size)}, and {_tell(free)} are free", hint)
    # File systems that make inodes as they are needed report none at all.
    if status.f_files and inodes > status.f_favail:
        raise _no_space(folder, f"{what} needs {inodes} inodes, and {status.f_favail} are free", hint)


def _tell(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _no_space(folder: str, message: str, hint: str) -> MachineError:
    return MachineError("no-space", message, where=folder, hints=(hint,))
