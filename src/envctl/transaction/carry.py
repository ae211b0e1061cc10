"""Link foreign files over from the live tree: what people and tools put there, and prune keeps.

Hard links, so that gigabytes of models cost nothing; copies where the kernel refuses them. What a
distribution lays at the same path wins. Bytecode is not carried: Python makes it anew.

A tool may be writing meanwhile. So `carry_over` links just before the stage is verified, and `catch_up`
looks again, just before the switch and, at the tree that left, just after it: what came, was replaced or
went since is made the same in the new tree, but for what the new tree has of its own by then.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from envctl import atomic
from envctl.environment.classes import Verdict, judge_stray

_NOT_CARRIED = frozenset({"__pycache__", ".envctl"})


class Trace(NamedTuple):
    """What a carried file was and became: inode, mtime (ns) and size of the one, inode of the other."""

    inode: int
    mtime_ns: int
    size: int
    becomes: int


def carry_over(live: str, root: str, paths: Iterable[str]) -> dict[str, Trace]:
    """Link ``paths`` (relative, POSIX; files or folders) from ``live`` to ``root``; give the files' paths.

    What is gone meanwhile is passed over, and so are sockets and the like. Raises `OSError`.
    """
    carried: dict[str, Trace] = {}
    for path, status in _find_files(live, root, paths):
        if not os.path.lexists(os.path.join(root, path)):
            carried[path] = _carry(live, root, path, status)
    return carried


def catch_up(live: str, root: str, paths: Iterable[str], carried: dict[str, Trace]) -> None:
    """Look at ``paths`` again, and make ``root`` follow; ``carried``, what was carried so far, follows too.

    What is not any more in ``root`` what was carried there is left alone. Raises `OSError`.
    """
    gone = dict(carried)
    for path, status in _find_files(live, root, paths):
        before = gone.pop(path, None)
        there = _look(os.path.join(root, path))
        if before is None:
            if there is None:
                carried[path] = _carry(live, root, path, status)
        elif there is not None and there.st_ino == before.becomes:
            is_same = os.path.samestat(status, there)
            if not is_same and before[:3] != (status.st_ino, status.st_mtime_ns, status.st_size):
                carried[path] = _carry_again(live, root, path, status)
    for path, before in gone.items():
        there = _look(os.path.join(root, path))
        if there is not None and there.st_ino == before.becomes:
            atomic.remove(os.path.join(root, path))
            del carried[path]


def find_fresh(live: str, known: AbstractSet[str], since_ns: int) -> list[str]:
    """Find what came into a tree since ``since_ns`` (by its file system's clock), beside what is ``known``.

    A folder tells by its mtime that something came, so only such folders are read; one that cannot be read
    tells nothing. Bytecode and litter do not count.
    """
    folders = {""}
    for path in known:
        folder = path.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    fresh = []
    for folder in folders:
        try:
            if os.stat(f"{live}/{folder}", follow_symlinks=False).st_mtime_ns < since_ns:
                continue
            with os.scandir(f"{live}/{folder}") as entries:
                found = [(entry.name, entry.stat(follow_symlinks=False).st_ctime_ns) for entry in entries]
        except OSError:
            continue  # gone, no folder any more, or not ours to read
        for name, ctime_ns in found:
            path = f"{folder}/{name}" if folder else name
            if ctime_ns < since_ns or name in _NOT_CARRIED or path in known or path in folders:
                continue
            if judge_stray(path).value.verdict is not Verdict.IGNORED:
                fresh.append(path)
    return sorted(fresh)


def _find_files(live: str, root: str, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for path in paths:
        parts = path.split("/")
        if ".." in parts or os.path.isabs(path) or not _NOT_CARRIED.isdisjoint(parts):
            continue
        # A folder on the way that is a link would lead out of the tree.
        if not _leads_nowhere(live, parts[:-1]) and not _leads_nowhere(root, parts[:-1]):
            yield from _walk(live, root, path)


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


def _walk(live: str, root: str, path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Give the files and links at and below ``path``; folders are made in ``root`` on the way."""
    status = _look(os.path.join(live, path))
    if status is None:
        return
    if not stat.S_ISDIR(status.st_mode):
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            yield path, status
        return
    target = os.path.join(root, path)
    if os.path.lexists(target) and (os.path.islink(target) or not os.path.isdir(target)):
        return
    atomic.make_directories(target)
    try:
        with os.scandir(os.path.join(live, path)) as entries:
            names = sorted(entry.name for entry in entries if entry.name not in _NOT_CARRIED)
    except FileNotFoundError:
        return  # gone between the two looks
    for name in names:
        yield from _walk(live, root, f"{path}/{name}")


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _carry(live: str, root: str, path: str, status: os.stat_result, *, to: str | None = None) -> Trace:
    source, target = os.path.join(live, path), to or os.path.join(root, path)
    atomic.make_directories(os.path.dirname(target))
    if stat.S_ISLNK(status.st_mode):
        atomic.symlink(os.readlink(source), target)
    else:
        link_or_copy(source, target, status)
    return Trace(status.st_ino, status.st_mtime_ns, status.st_size, os.lstat(target).st_ino)


def _carry_again(live: str, root: str, path: str, status: os.stat_result) -> Trace:
    target = os.path.join(root, path)
    temporary = f"{target}.{atomic.unique_name()}.tmp"
    trace = _carry(live, root, path, status, to=temporary)
    atomic.rename(temporary, target)
    return trace


def link_or_copy(source: str, target: str, status: os.stat_result) -> None:
    """Make ``target`` the same file as ``source``, or else one like it. Raises `OSError`."""
    try:
        atomic.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # Another owner's file, too many links, a file system without them.
        atomic.copy(source, target, mode=stat.S_IMODE(status.st_mode), mtime_ns=status.st_mtime_ns)
