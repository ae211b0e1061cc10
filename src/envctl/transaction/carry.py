"""Link foreign files over from the live tree: what people and tools put there, and prune keeps.

Hard links, so that gigabytes of models cost nothing; copies where the kernel refuses them. What a
distribution lays at the same path wins. Bytecode is not carried: Python makes it anew.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from envctl import atomic

_NOT_CARRIED = frozenset({"__pycache__", ".envctl"})


def carry_over(live: str, root: str, paths: Iterable[str]) -> frozenset[str]:
    """Link ``paths`` (relative, POSIX; files or folders) from ``live`` to ``root``; give the files' paths.

    What is gone meanwhile is passed over, and so are sockets and the like. Raises `OSError`.
    """
    carried: set[str] = set()
    for path in paths:
        parts = path.split("/")
        if ".." in parts or os.path.isabs(path) or not _NOT_CARRIED.isdisjoint(parts):
            continue
        # A folder on the way that is a link would lead out of the tree.
        if not _leads_nowhere(root, parts[:-1]):
            _carry(live, root, path, carried)
    return frozenset(carried)


def _leads_nowhere(root: str, parts: list[str]) -> bool:
    folder = root
    for part in parts:
        folder = os.path.join(folder, part)
        try:
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                return True
        except FileNotFoundError:
            return False
    return False


def _carry(live: str, root: str, path: str, carried: set[str]) -> None:
    source, target = os.path.join(live, path), os.path.join(root, path)
    try:
        status = os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(status.st_mode):
        _carry_folder(live, root, path, carried)
    elif not os.path.lexists(target) and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        atomic.make_directories(os.path.dirname(target))
        if stat.S_ISLNK(status.st_mode):
            atomic.symlink(os.readlink(source), target)
        else:
            _link_or_copy(source, target, status)
        carried.add(path)


def _carry_folder(live: str, root: str, path: str, carried: set[str]) -> None:
    target = os.path.join(root, path)
    if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target)):
        return
    atomic.make_directories(target)
    with os.scandir(os.path.join(live, path)) as entries:
        names = sorted(entry.name for entry in entries if entry.name not in _NOT_CARRIED)
    for name in names:
        _carry(live, root, f"{path}/{name}", carried)


def _link_or_copy(source: str, target: str, status: os.stat_result) -> None:
    try:
        atomic.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Another owner's file, too many links, a file system without them.
        atomic.copy(source, target, mode=stat.S_IMODE(status.st_mode), mtime_ns=status.st_mtime_ns)
