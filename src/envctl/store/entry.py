"""An entry of the store: a tree of files with a manifest, complete or absent.

On disk, below ``<store>/<bucket>/<first two of the key>/<key>/``, where the bucket's name ends in the
number of its schema (``wheels-v1``)::

    manifest              what was put in: see `envctl.store.manifest`
    mark-<generation>     empty; its mtime is the ctime mark: the highest ctime that our own links made
    tree/                 the files

Appears by one rename, and is never changed but for the mark, and for the inode numbers in its manifest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from envctl.frozen import dataclass, field


class StoredFile(NamedTuple):
    """One file: ``path`` relative to the tree (POSIX), size in bytes, mode bits, hex sha256.

    A tuple, because an environment has tens of thousands of them and each run makes them all.
    """

    path: str
    size: int
    mode: int
    mtime_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A complete entry; ``tree`` is the absolute folder of its files, sorted by path in ``files``.

    ``generation`` is made anew whenever the entry is: bytecode of its modules fits this one only,
    because it names their mtimes. ``settled`` says that every byte is known to be right; an entry that
    is not had more suspects than a run may hash, and its mark must not be raised.
    """

    key: str
    folder: str
    tree: str
    files: tuple[StoredFile, ...]
    about: Mapping[str, object]
    generation: str = ""
    settled: bool = True

    def below(self, folder: str) -> tuple[StoredFile, ...]:
        """Give the files below a folder of the tree (POSIX), or all of them for an empty one."""
        if not folder:
            return self.files
        # Sorted by path, they are one run: it ends before the first character after the slash.
        start = bisect_left(self.files, (f"{folder}/",))
        return self.files[start : bisect_left(self.files, (f"{folder}0",), start)]

    def is_as(self, other: Entry) -> bool:
        """Whether it was made when the other entry was, and has the same files but for their inodes."""
        if self.generation != other.generation:
            return False
        return self.files is other.files or _without_inodes(self.files) == _without_inodes(other.files)


def _without_inodes(files: Iterable[StoredFile]) -> list[StoredFile]:
    return [file._replace(inode=0) for file in files]


class Product(Protocol):
    """What filled a tree may tell about it.

    ``about`` holds plain JSON values. ``hashes`` maps paths (relative to the tree, POSIX) to hex sha256
    digests that the producer computed of what it wrote; files that are not in it are read again.
    """

    @property
    def about(self) -> Mapping[str, object]: ...  # noqa: D102 - the class says it

    @property
    def hashes(self) -> Mapping[str, str]: ...  # noqa: D102 - the class says it


@dataclass(frozen=True, slots=True)
class Produced:
    """The plainest `Product`."""

    about: Mapping[str, object] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
