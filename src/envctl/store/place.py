"""Place the files of an entry in an environment: as reflinks, hard links or copies.

Parents before children, in the order of the directories. A hard link moves the ctime of the file in the
store, so a batch ends with `raise_marks`, which tells the store that this was us.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from envctl import atomic
from envctl.frozen import dataclass, replace
from envctl.store.entry import Entry, StoredFile
from envctl.store.examine import raise_mark, rewrite_manifest

#: A link is refused with these where a copy will do: other devices, limits, file systems without links,
#: files that a hardened kernel does not let us link.
_COPY_INSTEAD = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})


@dataclass(frozen=True, slots=True)
class Linker:
    """How files get from the store into an environment.

    ``how`` is ``reflink``, ``hardlink`` or ``copy``; ``asked`` is what the settings said. They differ when
    the file system cannot do what was asked, which a run tells once. ``make_folder`` makes one of mode 0755.
    """

    how: str
    asked: str = "auto"
    make_folder: Callable[[str], None] = atomic.make_directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What one call of `place` did.

    ``files`` were laid at ``paths`` (relative to the destination, POSIX), in the same order;
    ``collisions`` were not, because something is there. ``ctime_ns`` is the highest ctime that our links
    made, 0 for none. ``entry`` names the new inodes of files that had no room for another link.
    """

    entry: Entry
    files: tuple[StoredFile, ...]
    paths: tuple[str, ...]
    collisions: tuple[str, ...] = ()
    ctime_ns: int = 0
    renewed: bool = False


def choose_linker(store_folder: str, destination_folder: str, mode: str = "auto") -> Linker:
    """Choose the best way that works from one folder to the other, by trying with one small file.

    ``mode`` is ``auto``, ``reflink``, ``hardlink`` or ``copy``. Who asks for reflinks wants files of his
    own: where there are none he gets copies, never hard links.
    """
    ways = {"auto": ("reflink", "hardlink"), "reflink": ("reflink",), "hardlink": ("hardlink",), "copy": ()}
    name = f".probe-{atomic.unique_name()}"
    source, target = f"{store_folder}/{name}", f"{destination_folder}/{name}"
    for how in ways[mode]:
        try:
            atomic.write(source, b"probe\n")
            if how == "reflink":
                atomic.clone(source, target, mode=0o644, mtime_ns=0)
            else:
                atomic.link(source, target)
        except OSError:
            continue
        else:
            return Linker(how, mode, atomic.directory_maker())
        finally:
            atomic.remove(target)
            atomic.remove(source)
    return Linker("copy", mode, atomic.directory_maker())


def place(
    entry: Entry,
    subtree: str,
    destination: str,
    *,
    how: Linker,
    made: set[str],
    skip: Collection[str] = (),
) -> Placement:
    """Lay every file of ``entry`` below ``subtree`` at the same path below ``destination``.

    ``made`` holds the directories known to be there, absolute, and grows: share it over a batch.
    ``skip`` holds paths relative to the destination that shall not be laid. A path that is taken is a
    collision, and left; the caller knows whether the contents are equal. Raises `OSError`.
    """
    files, paths = _choose(entry, subtree, skip)
    _make_folders(destination, paths, made, how.make_folder)
    if how.how == "hardlink":
        return _link(entry, files, paths, destination)
    lay = atomic.clone if how.how == "reflink" else atomic.copy
    return _lay(entry, files, paths, destination, lay)


def _choose(entry: Entry, subtree: str, skip: Collection[str]) -> tuple[Sequence[StoredFile], list[str]]:
    start = len(subtree) + 1 if subtree else 0
    files = entry.below(subtree)
    paths = [file[0][start:] for file in files]
    if skip:
        kept = [index for index, path in enumerate(paths) if path not in skip]
        return [files[i] for i in kept], [paths[i] for i in kept]
    return files, paths


def raise_marks(placements: Iterable[Placement]) -> None:
    """After a batch: record that its links were ours, for each entry whose files were all clean before.

    That it was used now is recorded in the same call, also where files were copied.
    """
    highest: dict[str, tuple[Entry, int]] = {}
    for placement in placements:
        if placement.renewed:
            rewrite_manifest(placement.entry)
        _, known = highest.get(placement.entry.folder, (None, 0))
        highest[placement.entry.folder] = (placement.entry, max(known, placement.ctime_ns))
    used_ns = time.time_ns()
    for entry, ctime_ns in highest.values():
        raise_mark(entry, ctime_ns, used_ns=used_ns)


def _make_folders(
    destination: str, paths: Sequence[str], made: set[str], make: Callable[[str], None]
) -> None:
    """Make the directories of ``paths``, parents first, each once; another process may make some, too."""
    last = None
    for path in paths:
        folder = path.rpartition("/")[0]
        if folder != last:
            last = folder
            full = f"{destination}/{folder}" if folder else destination
            if full not in made:
                _make_folder(full, made, make)


def _make_folder(full: str, made: set[str], make: Callable[[str], None]) -> None:
    missing = []
    while full not in made and full != "/":
        missing.append(full)
        full = os.path.dirname(full)
    for each in reversed(missing):
        try:
            make(each)
        except FileExistsError:
            if not os.path.isdir(each):
                raise
        made.add(each)


def _link(entry: Entry, files: Sequence[StoredFile], paths: list[str], destination: str) -> Placement:
    link = atomic.linker()
    source, target = f"{entry.tree}/", f"{destination}/"
    collisions: set[str] = set()
    renewed: dict[str, int] = {}
    last = ""
    for file, path in zip(files, paths, strict=True):
        try:
            link(source + file[0], target + path)
            last = file[0]
        except FileExistsError:
            collisions.add(path)
        except OSError as error:
            if error.errno == errno.EMLINK:
                renewed[file.path] = _renew(entry, file)
                link(source + file[0], target + path)
                last = file[0]
            elif error.errno in _COPY_INSTEAD:
                atomic.copy(source + file[0], target + path, mode=file.mode, mtime_ns=file.mtime_ns)
            else:
                raise
    # Links are made one after the other, so the last one moved its file's ctime furthest.
    ctime_ns = os.lstat(source + last).st_ctime_ns if last else 0
    if renewed:
        entry = replace(
            entry,
            files=tuple(
                file._replace(inode=renewed[file.path]) if file.path in renewed else file
                for file in entry.files
            ),
        )
    return _report(entry, files, paths, collisions, ctime_ns=ctime_ns, renewed=bool(renewed))


def _renew(entry: Entry, file: StoredFile) -> int:
    """Give a stored file that has all the links it can have a new inode; returns its number.

    Killed before the manifest knows, the next run finds another inode than it expects, hashes the file,
    and records it.
    """
    path = f"{entry.tree}/{file.path}"
    temporary = f"{entry.folder}/renewed-{atomic.unique_name()}"
    try:
        atomic.copy(path, temporary, mode=file.mode, mtime_ns=file.mtime_ns)
        atomic.rename(temporary, path)
    except BaseException:
        atomic.remove(temporary)
        raise
    return os.lstat(path).st_ino


def _lay(
    entry: Entry,
    files: Sequence[StoredFile],
    paths: list[str],
    destination: str,
    lay: Callable[..., None],
) -> Placement:
    source, target = f"{entry.tree}/", f"{destination}/"
    collisions: set[str] = set()
    for file, path in zip(files, paths, strict=True):
        try:
            lay(source + file.path, target + path, mode=file.mode, mtime_ns=file.mtime_ns)
        except FileExistsError:
            collisions.add(path)
        except OSError as error:
            if lay is atomic.copy or error.errno not in _COPY_INSTEAD:
                raise
            atomic.copy(source + file.path, target + path, mode=file.mode, mtime_ns=file.mtime_ns)
    return _report(entry, files, paths, collisions)


def _report(
    entry: Entry,
    files: Sequence[StoredFile],
    paths: list[str],
    collisions: set[str],
    *,
    ctime_ns: int = 0,
    renewed: bool = False,
) -> Placement:
    if collisions:
        kept = [index for index, path in enumerate(paths) if path not in collisions]
        files, paths = [files[i] for i in kept], [paths[i] for i in kept]
    return Placement(
        entry=entry,
        files=tuple(files),
        paths=tuple(paths),
        collisions=tuple(sorted(collisions)),
        ctime_ns=ctime_ns,
        renewed=renewed,
    )
