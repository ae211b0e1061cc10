"""What ``stat`` says of every file of a tree, as one digest; large trees are read by two processes.

Each folder is a text with a line for each of its files, sorted::

    app.py<TAB>2145<TAB>1700000000000000000<TAB>-
    python<TAB>0<TAB>0<TAB>l<TAB>/usr/bin/python3.12

name, size in bytes, mtime in nanoseconds, and ``-`` for a plain file, ``x`` for one that its owner may
execute, ``l`` for a symbolic link, whose text follows, octal mode bits for anything else, also for what its
owner may not read. Backslash, tab, line feed and carriage return are escaped with a backslash. The file list
of an environment (`envctl.environment.inventory`) says the same in the same way.

The digest is of a list of parts: each upper folder is one, and so is each folder some levels down (a package
in site-packages) with all that is below it. Parts do not depend on each other, so two processes can take them
from one queue, and the digest is the same whoever read what: 30,000 files are 30,000 calls of ``stat``.

Left out are ``__pycache__`` folders, and ``.envctl`` at the top. Files that tools leave behind
(``.DS_Store``) are in it, because a wheel may own a file of that name.

Imports nothing but ``os``, ``hashlib`` and `envctl.twofold`: a plan with nothing to do loads no more.
"""

from __future__ import annotations

import hashlib
import os

from envctl.twofold import do_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    #: Told a folder's path below the root, escaped (empty, or beginning with a slash), and its lines; answers
    #: how many of them are as they should be.
    Count = Callable[[str, list[str]], int]

#: How far below the root the folders lie that are read with all that is in them:
#: ``lib/python3.12/site-packages/NAME``.
_DEPTH = 4

#: With fewer parts a second process costs more than it spares.
_WORTH_SHARING = 100

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_HAS_DIRECTORY_DESCRIPTORS = os.scandir in os.supports_fd and os.readlink in os.supports_dir_fd

# The type of a file, and whether its owner may read and execute it. Other bits depend on umasks.
_MODE_MASK = 0o170500
_LINK = 0o120000
_TYPE_MASK = 0o170000
_KINDS = {0o100400: "-", 0o100500: "x"}

# A part as the second process tells it: newest mtime and count, then the digest.
_LONG = 16


def digest_tree(root: str) -> str:
    """Digest what ``stat`` says of every file below ``root`` (``sha256:…``).

    Equal digests mean: no file came, went, or changed its type, size, mtime, readability, executability
    or link text since. No file is read. What cannot be looked at counts as just that.
    """
    return measure_tree(root)[0]


def measure_tree(root: str, *, count: Count | None = None, alone: bool = False) -> tuple[str, int, int]:
    """Digest as `digest_tree` does; tell also the newest mtime seen (ns), and the sum of what ``count`` says.

    ``count`` is told what is found, so that who compares a tree with something need not walk it again. It is
    called in this process only when the tree is read ``alone``, and may remember something only then.
    """
    look = _Look(root, count)
    found = [look.read_folder("")]
    parts: list[str] = []
    above = [(name, 1) for name in look.take_directories()]
    for directory, depth in above:  # grows while it is walked
        if depth == _DEPTH:
            parts.append(directory)
        else:
            found.append(look.read_folder(directory))
            above += [(name, depth + 1) for name in look.take_directories()]
    if alone or len(parts) < _WORTH_SHARING:
        found += map(look.read_all, parts)
    else:
        found += map(_unpack, do_all(lambda number: _pack(*look.read_all(parts[number])), len(parts)))
    digest = hashlib.sha256(b"".join([each[0] for each in found]))
    newest = max([each[1] for each in found])
    return f"sha256:{digest.hexdigest()}", newest, sum([each[2] for each in found])


def _pack(digest: bytes, newest: int, count: int) -> bytes:
    return newest.to_bytes(_LONG, "big", signed=True) + count.to_bytes(_LONG, "big") + digest


def _unpack(data: bytes) -> tuple[bytes, int, int]:
    newest = int.from_bytes(data[:_LONG], "big", signed=True)
    return data[2 * _LONG :], newest, int.from_bytes(data[_LONG : 2 * _LONG], "big")


class _Look:
    """A look at a tree, part by part: of each its digest (nothing for one without files), newest, count."""

    def __init__(self, root: str, count: Count | None) -> None:
        self._root = root
        self._count = count
        self._directories: list[str] = []

    def take_directories(self) -> list[str]:
        """Give the folders in those that were read since the last call, by path below the root, sorted."""
        found, self._directories = sorted(self._directories), []
        return found

    def read_folder(self, relative: str) -> tuple[bytes, int, int]:
        """Read one folder, and nothing below it."""
        return self._summarise([self._read(relative)])

    def read_all(self, relative: str) -> tuple[bytes, int, int]:
        """Read a folder and all below it."""
        # The order is that of a stack with sorted children: any order will do, if it is always the same.
        texts = []
        pending = [relative]
        while pending:
            texts.append(self._read(pending.pop()))
            pending += self.take_directories()
        return self._summarise(texts)

    def _summarise(self, read: list[tuple[str, int, int]]) -> tuple[bytes, int, int]:
        text = "".join([each[0] for each in read])
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() if text else b""
        return digest, max([each[1] for each in read]), sum([each[2] for each in read])

    def _read(self, relative: str) -> tuple[str, int, int]:
        """Read a folder: its text under a line with its name, its newest mtime, and the count."""
        directories: list[str] = []
        try:
            lines, newest, tabs = self._list(relative, directories, plain=True)
        except OSError as error:
            lines, newest, tabs = [f"unreadable: {error.errno}"], 0, 0
        if not relative and ".envctl" in directories:
            directories.remove(".envctl")
        self._directories += [f"{relative}/{name}" for name in directories]
        if not lines:
            return "", 0, 0
        lines.sort()
        text = "\n".join(lines)
        # Whether names are free of what has to be escaped is asked of all of them at once.
        if "\\" in text or "\r" in text or text.count("\t") != tabs or text.count("\n") != len(lines) - 1:
            lines = sorted(self._list(relative, [], plain=False)[0])
            text = "\n".join(lines)
        folder = relative.translate(_ESCAPES)
        counted = 0 if self._count is None else self._count(folder, lines)
        # No line is empty, so an empty one parts folders.
        return f"\n{folder}\n{text}\n", newest, counted

    def _list(self, relative: str, directories: list[str], *, plain: bool) -> tuple[list[str], int, int]:
        path = self._root + relative
        if not _HAS_DIRECTORY_DESCRIPTORS:
            return _look_into(path, directories, plain=plain)
        # A descriptor spares the kernel the way down for each file.
        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW)
        try:
            return _look_into(descriptor, directories, plain=plain)
        finally:
            os.close(descriptor)


def _look_into(where: str | int, directories: list[str], *, plain: bool) -> tuple[list[str], int, int]:
    """List the files of a folder as lines; tell the newest mtime, and how many tabs the lines should have."""
    lines: list[str] = []
    newest = links = 0
    with os.scandir(where) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if name != "__pycache__":
                    directories.append(name)
                continue
            status = entry.stat(follow_symlinks=False)
            mode = status.st_mode & _MODE_MASK
            if not plain:
                name = name.translate(_ESCAPES)
            if mode & _TYPE_MASK == _LINK:
                links += 1
                text = os.readlink(entry.name if isinstance(where, int) else entry.path, dir_fd=_fd(where))
                lines.append(f"{name}\t0\t0\tl\t{text if plain else text.translate(_ESCAPES)}")
                continue
            mtime = status.st_mtime_ns
            if mtime > newest:  # noqa: PLR1730 - `max` would be a call more, 30,000 times
                newest = mtime
            lines.append(f"{name}\t{status.st_size}\t{mtime}\t{_KINDS.get(mode) or oct(mode)}")
    return lines, newest, 3 * len(lines) + links


def _fd(where: str | int) -> int | None:
    return where if isinstance(where, int) else None
