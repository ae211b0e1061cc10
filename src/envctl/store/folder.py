"""The folder of the cache as a whole: ours alone, cleared of litter, and what goes from it goes in one step.

Entries and kept answers lie in *buckets*, folders whose name ends in the number of their schema.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from envctl import atomic
from envctl.errors import MachineError
from envctl.store.lock import hold, release, try_to_hold
from envctl.store.measure import Extent, measure
from envctl.store.room import require_room
from envctl.trust import is_ours

#: The signature of the Cache Directory Tagging Specification: backups leave such a folder out.
_CACHEDIR_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by envctl; may be deleted at any time.\n"
)


class CacheFolder:
    """The folder at ``folder``, which is made when something is put into it.

    May be used from several threads, and by several processes at once.

    Raises:
        MachineError: from any method: `cache-not-ours` when the folder is another user's, or others may
            write to it; `cache-failed` and `disk-full` when the file system refuses.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._admitted = False
        self._swept = False

    def translated(self) -> AbstractContextManager[None]:
        """Turn what the file system refuses into an error that says what to do."""
        return translated(self.folder)

    def require_room(self, what: str, *, size: int, inodes: int) -> None:
        """Refuse what does not fit here, before it is fetched or unpacked.

        Raises:
            MachineError: `no-space`.
        """
        with translated(self.folder):
            self.prepare()
            require_room(
                self.folder,
                what,
                size=size,
                inodes=inodes,
                hint="free some space, or name another folder with --cache-dir or ENVCTL_CACHE_DIR",
            )

    def open_bucket(self, bucket: str) -> str:
        """Make the folder of a bucket for what is no entry, and return its path."""
        folder = f"{self.folder}/{bucket}"
        with translated(self.folder):
            self.prepare()
            atomic.make_directories(folder)
        return folder

    def info(self) -> dict[str, Extent]:
        """Measure what each bucket holds."""
        with translated(self.folder):
            if not self.admit():
                return {}
            return {name: measure(f"{self.folder}/{name}") for name in self.buckets()}

    def purge(self) -> int:
        """Delete every bucket; returns the bytes that are free now: not those that environments share."""
        with translated(self.folder):
            if not self.admit():
                return 0
            freed = 0
            for name in self.buckets():
                freed += measure(f"{self.folder}/{name}").own
                self.throw_away(f"{self.folder}/{name}")
            self.sweep()
            return freed

    def buckets(self) -> list[str]:
        """Name the buckets that are there, of whichever schema."""
        return sorted(name for name in os.listdir(self.folder) if is_bucket(name))

    def admit(self) -> bool:
        """Say whether the folder is there; refuse one that others own or write to."""
        if self._admitted:
            return True
        refuse_file(self.folder)
        try:
            seen = os.stat(self.folder)
        except FileNotFoundError:
            return False
        if not is_ours(seen):
            whose = "others may write to it" if seen.st_uid == os.geteuid() else "another user owns it"
            raise MachineError(
                "cache-not-ours",
                f"the cache folder `{self.folder}` cannot be trusted: {whose}",
                where=self.folder,
                hints=[
                    "take the write permission of group and others from it",
                    "or name another folder with --cache-dir or ENVCTL_CACHE_DIR",
                ],
            )
        self._admitted = stat.S_ISDIR(seen.st_mode)
        return self._admitted

    def prepare(self) -> None:
        """Make the folder where there is none, and clear away what killed runs left."""
        if not os.path.isdir(self.folder):
            self._admitted = self._swept = False  # deleted by hand, perhaps
        if not self.admit():
            atomic.make_directories(os.path.dirname(self.folder))
            atomic.make_directories(self.folder, mode=0o700)
            self.admit()
        if self._swept:
            return
        for name, content in (("CACHEDIR.TAG", _CACHEDIR_TAG), (".gitignore", b"*\n")):
            try:
                atomic.write(f"{self.folder}/{name}", content)
            except FileExistsError:
                pass
        for name in ("new", "trash"):
            atomic.make_directories(f"{self.folder}/{name}", mode=0o700)
        self.sweep()
        self._swept = True

    @contextmanager
    def temporary(self) -> Iterator[str]:
        """Make a folder that is garbage as soon as this process is gone or done."""
        path = f"{self.folder}/new/{atomic.unique_name()}"
        atomic.make_directories(f"{self.folder}/new", mode=0o700)
        with hold(f"{path}.lock"):
            atomic.make_directory(path, mode=0o755)
            try:
                yield path
            finally:
                if os.path.lexists(path):
                    self.throw_away(path)

    def throw_away(self, path: str) -> None:
        """Rename a folder into the trash, so that it is gone at once, and delete it there.

        What another run has thrown away first is gone, too.
        """
        atomic.make_directories(f"{self.folder}/trash", mode=0o700)
        away = f"{self.folder}/trash/{atomic.unique_name()}"
        try:
            try:
                atomic.rename(path, away)
            except PermissionError:
                # A folder that its owner may not write to cannot be renamed: its `..` changes.
                atomic.set_mode(path, 0o700)
                atomic.rename(path, away)
        except FileNotFoundError:
            return
        atomic.remove_tree(away)

    def sweep(self) -> None:
        """Delete what is in the trash, and what killed runs had begun to fill."""
        for name in list_folder(f"{self.folder}/trash"):
            _remove_tree_quietly(f"{self.folder}/trash/{name}")
        for name in list_folder(f"{self.folder}/new"):
            path = f"{self.folder}/new/{name.removesuffix('.lock')}"
            descriptor = try_to_hold(f"{path}.lock")
            if descriptor is not None:
                _remove_tree_quietly(path)
                release(f"{path}.lock", descriptor)


def refuse_file(folder: str) -> None:
    """Refuse a cache folder that is a file, or lies below one; that there is none yet is fine.

    Raises:
        MachineError: `cache-failed`.
    """
    place = folder
    while not os.path.lexists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        why = "is not a folder" if place == folder else f"cannot be made: `{place}` is not a folder"
        raise MachineError(
            "cache-failed",
            f"the cache folder `{folder}` {why}",
            where=folder,
            hints=["name another one with --cache-dir or ENVCTL_CACHE_DIR"],
        )


def _remove_tree_quietly(path: str) -> None:
    try:
        atomic.remove_tree(path)
    except OSError:
        pass  # another process deletes it too, or it is not ours to delete: it is garbage either way


def list_folder(folder: str) -> list[str]:
    """List the names in a folder; none for one that is not there."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def is_bucket(name: str) -> bool:
    """Whether a folder is called as buckets are: ``wheels-v1``."""
    stem, _, number = name.rpartition("-v")
    return stem.replace("-", "").isalnum() and number.isdecimal() and name.isascii()


@contextmanager
def translated(folder: str) -> Iterator[None]:
    """Turn what the file system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise MachineError(
                "disk-full",
                "there is no room left in the cache folder",
                where=folder,
                hints=["free some space, or name another folder with --cache-dir or ENVCTL_CACHE_DIR"],
            ) from error
        raise MachineError(
            "cache-failed",
            f"the cache folder could not be used: {error.strerror or error} (`{error.filename}`)",
            where=folder,
            hints=["look at the permissions of the folder, or name another one with --cache-dir"],
        ) from error
