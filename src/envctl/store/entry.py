"""An entry of the store: a tree of files with a manifest, complete or absent.

On disk, below ``<cache>/<bucket>-v<schema>/<first two of the key>/<key>/``::

    manifest      one line a file: path, size, mode, mtime_ns, inode, sha256 (tab separated, sorted)
    about.json    what the producer wants to remember (plain JSON values)
    mark          the ctime mark: the highest ctime (ns) that envctl's own links produced
    tree/         the files

Appears by one rename, and is never changed but for the mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: ``path`` relative to the tree (POSIX), size in bytes, mode bits, hex sha256."""

    path: str
    size: int
    mode: int
    mtime_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A complete entry; ``tree`` is the absolute folder of its files, sorted by path in ``files``."""

    key: str
    folder: str
    tree: str
    files: tuple[StoredFile, ...]
    about: Mapping[str, object]
