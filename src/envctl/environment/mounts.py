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
from typing import NamedTuple

_MOUNTINFO = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")

# What a fresh file system holds, and what we put into a mount point before anything else.
_OF_NOBODY = frozenset({"lost+found", ".envctl"})


class Mount(NamedTuple):
    """A mount: where it is, and which folder (``root``) of which file system (``device``) is seen there."""

    point: str
    root: str
    device: str


def read_mounts() -> tuple[Mount, ...]:
    """Read all mounts of this process, in their order; none where there is no table."""
    try:
        with open(_MOUNTINFO, "rb", buffering=0) as file:
            return parse_mounts(file.read())
    except OSError:
        return ()


def parse_mounts(table: bytes) -> tuple[Mount, ...]:
    """Parse the third to fifth field of each line, in which blanks and such are octal escapes."""
    fields = (line.split(b" ", 5) for line in table.split(b"\n"))
    return tuple(
        Mount(_unescape(each[4]), _unescape(each[3]), _unescape(each[2])) for each in fields if len(each) > 4
    )


def _unescape(field: bytes) -> str:
    return os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field))


def find_mount(path: str, mounts: Sequence[Mount]) -> str | None:
    """Find a mount point at ``path`` or below it; None when there is none.

    ``path`` need not be there. Links on the way to it are followed, as the kernel's table has none; a link
    at its end is not.
    """
    if is_mount_point(path, mounts):
        return _resolve(path)
    below = find_mounts_below(path, mounts)
    return os.path.join(_resolve(path), below[0]) if below else None


def is_mount_point(path: str, mounts: Sequence[Mount]) -> bool:
    """Whether something is mounted at ``path`` itself."""
    real = _resolve(path)
    if os.name == "posix" and not mounts:
        return os.path.ismount(real)
    return any(mount.point == real for mount in mounts)


def find_mounts_below(path: str, mounts: Sequence[Mount]) -> tuple[str, ...]:
    """List what is mounted below ``path``, folders and single files, relative to it, sorted."""
    below = _resolve(path).rstrip(os.sep) + os.sep
    return tuple(sorted({mount.point[len(below) :] for mount in mounts if mount.point.startswith(below)}))


def find_view(path: str, mounts: Sequence[Mount]) -> str | None:
    """Find a mount elsewhere that shows the folder at ``path``, or one in it; None when there is none.

    That is a bind mount, whose users keep the folder they were given, whatever takes its place here.
    """
    real = _resolve(path)
    around = [mount for mount in mounts if real == mount.point or _is_below(real, mount.point)]
    if not around:
        return None
    # Of two at the same point the later one hides the other.
    home = max(reversed(around), key=lambda mount: len(mount.point))
    # Two slashes at the beginning mean something else (POSIX, 4.13), so `normpath` leaves them.
    inner = "/" + os.path.normpath(f"{home.root}/{real[len(home.point) :]}").lstrip("/")
    for mount in mounts:
        shows = mount.root == inner or _is_below(mount.root, inner)
        inside = mount.point == real or _is_below(mount.point, real)
        if shows and not inside and mount.device == home.device:
            return mount.point
    return None


def is_vacant(path: str) -> bool:
    """Whether ``path`` is a mount point without anything of anybody in it, or where a first apply was killed.

    A fresh volume is a folder that cannot be removed, so it counts as nothing rather than as a folder.
    """
    if not is_mount_point(path, read_mounts()):
        return False
    ours = os.path.join(path, ".envctl")
    if os.path.lexists(f"{ours}/generation.json"):
        return False
    return os.path.lexists(f"{ours}/journal") or _OF_NOBODY.issuperset(os.listdir(path))


def _resolve(path: str) -> str:
    parent, name = os.path.split(path)
    return os.path.join(os.path.realpath(parent), name)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)
