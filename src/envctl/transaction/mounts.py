"""Which folders are mount points, so that none is moved or emptied by accident.

A mount below an environment would travel with it into an earlier generation, and emptying the
trash would then empty the mounted folder, which may well be on the same device: only the kernel's
table tells. On Linux that is ``/proc/self/mountinfo``; elsewhere the boundary of devices has to do.

Source: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_MOUNTINFO = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")


def read_mounts() -> tuple[str, ...]:
    """Read all mount points of this process, absolute; none where there is no table."""
    try:
        with open(_MOUNTINFO, "rb") as file:
            return parse_mounts(file.read())
    except OSError:
        return ()


def parse_mounts(table: bytes) -> tuple[str, ...]:
    """Parse mount points: the fifth field of each line, in which blanks and such are octal escapes."""
    fields = (line.split(b" ") for line in table.split(b"\n"))
    return tuple(os.fsdecode(_OCTAL.sub(_unescape, each[4])) for each in fields if len(each) > 4)


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8) & 0xFF])


def find_mount(path: str, mounts: Sequence[str]) -> str | None:
    """Find a mount point at ``path`` or below it; None when there is none.

    ``path`` need not be there. Links on the way to it are followed, as the kernel's table has none; a link
    at its end is not.
    """
    parent, name = os.path.split(path)
    real = os.path.join(os.path.realpath(parent), name)
    below = real + os.sep
    for mount in mounts:
        if mount == real or mount.startswith(below):
            return mount
    if os.name == "posix" and not mounts and os.path.ismount(real):
        return real
    return None
