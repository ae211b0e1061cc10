"""What lies in the cache, one thing after the other, and throwing single things away while others are used.

A thing is an entry, or a kept answer (`envctl.memo`, the pages of indexes): a file of its own. Whoever is at
an entry holds its lock, and it is left. Whoever has got one and loses it before it is laid gets it again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from envctl import atomic
from envctl.frozen import dataclass, field
from envctl.store.entry import Entry
from envctl.store.examine import read_entry, read_use
from envctl.store.lock import release, try_to_hold
from envctl.store.measure import is_own, measure, walk
from envctl.store.store import Store

#: Half-written answers: whoever writes one does not mind that it goes.
_HALF_WRITTEN = ".tmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing: its place (absolute), bytes in all, and those that are free when it is deleted.

    ``used_ns`` is when it was last linked or copied from, or read; 0 when nobody knows. ``entry`` is None for
    a kept answer, and ``is_whole`` False for an entry without a manifest that can be read.
    """

    bucket: str
    path: str
    size: int
    own: int
    used_ns: int
    generation: str | None = None
    is_whole: bool = True
    about: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name that it is kept under."""
        return os.path.basename(self.path)

    @property
    def is_entry(self) -> bool:
        """Whether it is an entry: a tree of files."""
        return self.generation is not None or not self.is_whole


def list_things(store: Store, buckets: Iterable[str]) -> Iterator[Thing]:
    """List what the buckets hold. What others add or delete meanwhile may or may not be among it."""
    for bucket in buckets:
        place = f"{store.folder}/{bucket}"
        for folder in [place, *_list_folders(place)]:
            for child in _list_children(folder):
                with suppress(FileNotFoundError):
                    if not child.is_dir(follow_symlinks=False):
                        yield _describe_answer(bucket, child.path)
                    elif folder != place:
                        yield _describe_entry(bucket, child.path)


def take_as_one(store: Store, bucket: str) -> Thing | None:
    """Take a bucket that somebody else fills as one thing; None where there is none."""
    place = f"{store.folder}/{bucket}"
    if not os.path.isdir(place):
        return None
    extent = measure(place)
    used_ns = os.lstat(place).st_mtime_ns
    return Thing(bucket=bucket, path=place, size=extent.size, own=extent.own, used_ns=used_ns, generation="")


def _list_children(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as children:
            return [child for child in children if not child.name.endswith((_HALF_WRITTEN, ".lock"))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _list_folders(bucket: str) -> list[str]:
    try:
        with os.scandir(bucket) as children:
            return [child.path for child in children if child.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _describe_entry(bucket: str, folder: str) -> Thing:
    size = own = 0
    for _, seen in walk(folder):
        size += seen.st_size
        own += seen.st_size if is_own(seen) else 0
    entry: Entry | None = read_entry(folder, os.path.basename(folder))
    if entry is None:
        return Thing(bucket=bucket, path=folder, size=size, own=own, used_ns=0, is_whole=False)
    return Thing(
        bucket=bucket,
        path=folder,
        size=size,
        own=own,
        used_ns=read_use(entry),
        generation=entry.generation,
        about=entry.about,
    )


def _describe_answer(bucket: str, path: str) -> Thing:
    seen = os.lstat(path)
    own = seen.st_size if is_own(seen) else 0
    # Most systems note the first reading after a write, and then one a day.
    used_ns = max(seen.st_atime_ns, seen.st_mtime_ns)
    return Thing(bucket=bucket, path=path, size=seen.st_size, own=own, used_ns=used_ns)


def throw_away(store: Store, thing: Thing) -> bool:
    """Throw a thing away; False for an entry that somebody is at. Raises MachineError as the store does."""
    if not thing.is_entry:
        with store.translated():
            atomic.remove(thing.path)
        return True
    with store.translated():
        try:
            descriptor = try_to_hold(f"{thing.path}.lock")
        except FileNotFoundError:
            return True  # its bucket was purged meanwhile
        if descriptor is None:
            return False
        try:
            store.throw_away(thing.path)
        finally:
            release(f"{thing.path}.lock", descriptor)
    return True


def clear_litter(store: Store) -> tuple[int, int]:
    """Delete what killed runs left: half-made entries, half-written answers, locks that nobody holds.

    By no clock: what a live run is filling is locked. Returns how many files went, and their bytes.
    """
    with store.translated():
        before = _weigh(store)
        store.sweep()
        after = _weigh(store)
        count, size = max(before[0] - after[0], 0), max(before[1] - after[1], 0)
        for path, length in _list_loose(store):
            if path.endswith(_HALF_WRITTEN) or _is_abandoned(path):
                atomic.remove(path)
                count, size = count + 1, size + length
    return count, size


def _weigh(store: Store) -> tuple[int, int]:
    """Count the files that are being filled or deleted, and their bytes."""
    found = [seen for name in ("new", "trash") for _, seen in walk(f"{store.folder}/{name}") if is_own(seen)]
    return len(found), sum(seen.st_size for seen in found)


def _list_loose(store: Store) -> Iterator[tuple[str, int]]:
    """List half-written answers and locks: beside entries and answers, and those of manifests."""
    folders = [f"{store.folder}/locks"]
    for bucket in store.buckets():
        folders += [f"{store.folder}/{bucket}", *_list_folders(f"{store.folder}/{bucket}")]
    for folder in folders:
        try:
            with os.scandir(folder) as children:
                found = [child.path for child in children if child.name.endswith((_HALF_WRITTEN, ".lock"))]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for path in found:
            with suppress(FileNotFoundError):
                seen = os.lstat(path)
                if stat.S_ISREG(seen.st_mode):
                    yield path, seen.st_size


def _is_abandoned(lock: str) -> bool:
    """Whether nobody holds a lock; its file is then gone, and who waits for it notices."""
    try:
        descriptor = try_to_hold(lock)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return False
    release(lock, descriptor)
    return True


def remove_empty_folders(store: Store) -> None:
    """Remove the folders of buckets that hold nothing any more; who adds something makes them again."""
    for bucket in store.buckets():
        place = f"{store.folder}/{bucket}"
        for folder in [*_list_folders(place), place]:
            with suppress(OSError):
                os.rmdir(folder)
