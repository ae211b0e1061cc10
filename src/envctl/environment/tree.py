"""Every file of an environment as ``stat`` sees it, in one walk. Reads no file and follows no link.

Left out are ``__pycache__`` folders, which are never drift, the ``.envctl`` folder at the top, and what is
mounted below: that is nobody's but its owner's.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from envctl.environment.mounts import find_mounts_below, read_mounts

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_HAS_DIRECTORY_DESCRIPTORS = os.scandir in os.supports_fd

OURS = ".envctl"
BYTECODE = "__pycache__"


class Seen(NamedTuple):
    """What ``stat`` says of a file or link: its mode with type bits, size (bytes) and mtime."""

    mode: int
    size: int
    mtime_ns: int

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def executable(self) -> bool:
        """Whether its owner may execute it."""
        return bool(self.mode & 0o100)

    @property
    def readable(self) -> bool:
        """Whether its owner may read it, whoever looks: root may read anything."""
        return bool(self.mode & 0o400)


def walk(root: str) -> dict[str, Seen]:
    """Walk an environment: what is in it, by path relative to ``root``, POSIX.

    A folder that cannot be entered is in it itself: what should be in it is then missing, and what else is
    there nobody knows.
    """
    found: dict[str, Seen] = {}
    mounted = find_mounts_below(root, read_mounts())
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            names = _look(root, prefix, found)
        except PermissionError:
            found[prefix.rstrip("/")] = Seen(stat.S_IFDIR, 0, 0)
            continue
        except OSError:
            continue  # gone between the two looks
        if not prefix:
            names = [name for name in names if name != OURS]
        if mounted:
            names = [name for name in names if prefix + name not in mounted]
            for path in mounted:
                found.pop(path, None)
        pending += [f"{prefix}{name}/" for name in names]
    return found


def _look(root: str, prefix: str, found: dict[str, Seen]) -> list[str]:
    path = f"{root}/{prefix}"
    if not _HAS_DIRECTORY_DESCRIPTORS:
        return _look_into(path, prefix, found)
    # A descriptor spares the kernel the way down for each file.
    descriptor = os.open(path.rstrip("/") or "/", os.O_RDONLY | _NOFOLLOW)
    try:
        return _look_into(descriptor, prefix, found)
    finally:
        os.close(descriptor)


def _look_into(where: str | int, prefix: str, found: dict[str, Seen]) -> list[str]:
    directories = []
    # `tuple.__new__` is what the class itself would call, at half the price: there are 30,000 files.
    new = tuple.__new__
    with os.scandir(where) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name != BYTECODE:
                    directories.append(name)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # gone between the two looks
            found[prefix + name] = new(Seen, (status.st_mode, status.st_size, status.st_mtime_ns))
    return directories
