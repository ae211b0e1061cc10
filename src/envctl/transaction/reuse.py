"""Make the next environment out of one that nobody needs any more.

Of a generation that fell out of those that are kept, nearly every file is wanted again, at the same place,
and is the very inode that the store holds. What is not is removed, what is missing is laid: an upgrade of
one package then costs a walk, where a whole environment would be tens of thousands of links.

Nothing that the old tree says of itself is believed. A file stays if the store, which is looked at just
before, has this inode at this path of a wheel that is wanted; all else goes, scripts and what envctl wrote
included, and is written anew. The new environment is checked whole afterwards, like any other.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable

from envctl import atomic
from envctl.environment.mounts import find_mount, read_mounts
from envctl.transaction.site import Site

_OPEN = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_CAN = os.scandir in os.supports_fd


def has_spare(site: Site) -> bool:
    """Whether there may be a spare tree: one that is worth it is another matter."""
    return os.path.isdir(site.spare)


def take_spare(site: Site, root: str, *, site_packages: str) -> bool:
    """Move the spare tree to ``root``, if there is one that is worth it: garbage from here on.

    ``site_packages`` (relative, POSIX) must be in it: that of another Python has nothing in its place.
    Raises `OSError`.
    """
    mounts = read_mounts()
    # Without the kernel's table nobody knows what is mounted in it.
    if not (_CAN and mounts and os.path.isdir(os.path.join(site.spare, *site_packages.split("/")))):
        return False
    if os.path.islink(site.spare) or find_mount(site.spare, mounts) is not None:
        return False
    try:
        atomic.rename_new(site.spare, root)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False  # the lower layer of an overlay lets no folder go
    return True


def clear(root: str, wanted: Iterable[tuple[str, int]]) -> set[str]:
    """Remove from a tree all that is not ``wanted``; give the paths of what is missing in it.

    ``wanted`` holds paths (relative to ``root``, POSIX), and the inode that has to be there. Folders in
    which nothing stays are removed as well: Python would take them for packages. Raises `OSError`.
    """
    missing = dict(wanted)
    device = os.lstat(root).st_dev
    needed: set[str] = set()
    folders = [""]
    for folder in folders:  # grows while it is walked, parents before children
        below, kept = _clear_folder(root, folder, device, missing)
        folders += below
        if kept:
            needed.add(folder)
    for folder in reversed(folders):
        if folder in needed:
            needed.add(folder.rpartition("/")[0])
        elif folder:
            atomic.remove_directory(root + folder)
    return set(missing)


def _clear_folder(root: str, folder: str, device: int, missing: dict[str, int]) -> tuple[list[str], bool]:
    """Clear one folder; give the folders in it, and whether one of its files stays."""
    path, prefix = root + folder, f"{folder[1:]}/" if folder else ""
    below, surplus, kept = [], [], False
    descriptor = os.open(path, _OPEN | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_dev != device:
            raise OSError(errno.EXDEV, "a mounted folder is in the way", path)
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    below.append(f"{folder}/{name}")
                elif missing.get(prefix + name) == entry.inode():
                    del missing[prefix + name]
                    kept = True
                else:
                    surplus.append(name)
    finally:
        os.close(descriptor)
    if stat.S_IMODE(status.st_mode) != 0o755:
        atomic.set_mode(path, 0o755)
    for name in surplus:
        atomic.remove(f"{path}/{name}")
    return below, kept
