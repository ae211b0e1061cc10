"""The store: trees of files by key, complete or absent, checked before every use.

Beside them lie kept answers (`envctl.memo`), in buckets of their own.

::

    <folder>/                             0700, ours alone
        CACHEDIR.TAG  .gitignore
        <bucket>-v<schema>/<two>/<key>/           an entry: see `envctl.store.entry`
        <bucket>-v<schema>/<two>/<key>.lock       while it is being made or mended
        new/<token>/  new/<token>.lock            being filled; garbage once nobody holds the lock
        trash/<token>/                            renamed away, being deleted

Nothing here is flushed to the disk: what a power cut tears no longer fits its manifest, and counts as
absent. Reading needs no lock; making and mending hold one for each key. It is never believed because it
is there: see `envctl.store.examine`. All of it may be taken away at any moment, by a purge or by hand:
who makes an entry then makes the folders again, and who links from one finds that it is gone.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from envctl import atomic
from envctl.errors import MachineError
from envctl.frozen import replace
from envctl.store import examine
from envctl.store.entry import Entry, Product
from envctl.store.lock import hold, release, take, try_to_hold
from envctl.store.manifest import format_manifest, parse_about
from envctl.store.measure import Extent, measure
from envctl.store.room import require_room
from envctl.trust import is_ours

#: What one run may spend on hashing suspects before it links (`examine.cost`): about 5 ms.
HASH_BUDGET = 2 << 20

#: How often an entry is begun anew because others delete the cache, or make the entry, meanwhile.
_ATTEMPTS = 100

#: The signature of the Cache Directory Tagging Specification: backups leave such a folder out.
_CACHEDIR_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# Made by envctl; may be deleted at any time.\n"
)


class _OvertakenError(Exception):
    """What this run was making was made by another one, or deleted."""


class Store:
    """Entries below ``folder``, which is made when the first of them is.

    May be used from several threads, and by several processes at once.

    Raises:
        MachineError: from any method: `cache-not-ours` when the folder is another user's, or others may
            write to it; `cache-failed` and `disk-full` when the file system refuses.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._admitted = False
        self._swept = False
        self._budget = HASH_BUDGET

    # --- entries ---

    def get(self, bucket: str, key: str) -> Entry | None:
        """Get a complete entry whose every file is as it was put in; None when there is none.

        Costs one ``lstat`` a file. Files that may have been written since are hashed; an entry that
        holds a wrong byte is thrown away, and counts as absent.
        """
        return self.get_all([(bucket, key)])[0]

    def get_all(self, places: Sequence[tuple[str, str]]) -> list[Entry | None]:
        """Get several entries, each as `get` does; two processes look at their files."""
        folders = [self._locate(bucket, key) for bucket, key in places]
        with _translated(self.folder):
            if not self._admit():
                return [None] * len(folders)
            entries = [
                examine.read_entry(folder, key) for folder, (_, key) in zip(folders, places, strict=True)
            ]
            findings = examine.check_all(entries)
            return [
                self._judge(folder, key, entry, found)
                for folder, (_, key), entry, found in zip(folders, places, entries, findings, strict=True)
            ]

    def _judge(
        self, folder: str, key: str, entry: Entry | None, findings: examine.Findings | None
    ) -> Entry | None:
        if entry is None and not os.path.lexists(folder):
            return None
        if entry is not None and findings is not None and not findings.changed:
            # At most suspects: there is nothing to mend, unless a hash says so.
            right = entry if findings.clean else self._clear(entry, findings)
            if right is not None:
                return right
        return self._mend_held(folder, key)

    def _mend_held(self, folder: str, key: str, *, frugal: bool = True) -> Entry | None:
        try:
            with hold(f"{folder}.lock"):
                return self._mend(folder, key, frugal=frugal)
        except FileNotFoundError:
            return None  # the bucket was purged meanwhile

    def has(self, bucket: str, key: str) -> bool:
        """Whether an entry is there, looked at no further: for estimates."""
        return os.path.isdir(self._locate(bucket, key))

    def describe(self, bucket: str, key: str) -> tuple[str, Mapping[str, object]] | None:
        """Tell the folder of an entry's files and what it remembers; its files are not looked at.

        For what may be wrong, because it is asked again of the entry itself: estimates, first verdicts.
        """
        folder = self._locate(bucket, key)
        with _translated(self.folder):
            if not self._admit():
                return None
            data = examine.read_manifest(folder)
            about = None if data is None else parse_about(data, key)
        return None if about is None else (f"{folder}/tree", about)

    def find_related(self, keys: Collection[str], buckets: Mapping[str, str | None]) -> list[Entry]:
        """Find the entries of these keys, or that remember one of them under the name that a bucket gives.

        Their manifests alone are read: for who looks at their files himself (`examine.check`).
        """
        found = []
        with _translated(self.folder):
            for bucket, name in buckets.items() if self._admit() else ():
                for key in keys if name is None else self._list_keys(bucket):
                    entry = examine.read_entry(self._locate(bucket, key), key)
                    if entry is not None and (name is None or entry.about.get(name) in keys):
                        found.append(entry)
        return found

    def _list_keys(self, bucket: str) -> Iterator[str]:
        for folder in _list(f"{self.folder}/{bucket}"):
            if os.path.isdir(f"{self.folder}/{bucket}/{folder}"):
                yield from (name for name in _list(f"{self.folder}/{bucket}/{folder}") if _is_key(name))

    def add(self, bucket: str, key: str, produce: Callable[[str], Product | Mapping[str, object]]) -> Entry:
        """Get an entry, or make it: of processes that want it at once, one calls ``produce``.

        ``produce`` is given an empty folder, fills it, and returns what the entry shall remember: a
        `Product`, or just its ``about``. Modes it leaves are made 0644 and 0755. Whatever it raises
        leaves no entry. What it needs meanwhile it may put beside that folder, and removes again: if it is
        killed, the next run does.
        """
        folder = self._locate(bucket, key)
        with _translated(self.folder):
            for _ in range(_ATTEMPTS):
                self._prepare()
                try:
                    atomic.make_directories(os.path.dirname(folder))
                    descriptor = take(f"{folder}.lock")
                except FileNotFoundError:
                    continue  # purged between two steps
                try:
                    return self._mend(folder, key) or self._make(folder, key, produce)
                except _OvertakenError:
                    continue
                finally:
                    release(f"{folder}.lock", descriptor)
        raise MachineError(
            "cache-failed",
            f"the cache folder `{self.folder}` is deleted again and again while it is used",
            where=self.folder,
        )

    def verify(self, bucket: str, key: str) -> str | None:
        """Read every byte of an entry; one that is not what was put in is thrown away, and its fault told.

        None for one that is right, or gone.
        """
        folder = self._locate(bucket, key)
        try:
            with _translated(self.folder), hold(f"{folder}.lock"):
                return self._verify(folder, key) if os.path.lexists(folder) else None
        except FileNotFoundError:
            return None

    def _verify(self, folder: str, key: str) -> str | None:
        entry = examine.read_entry(folder, key)
        if entry is None:
            fault: str | None = "its manifest is damaged"
        elif examine.check(entry) is None:
            fault = "a file is missing, or is none of ours"
        else:
            wrong = examine.find_wrong(entry, range(len(entry.files)))
            fault = None if wrong is None else f"`{wrong.path}` is damaged"
        if fault is None:
            self._mend(folder, key, frugal=False)
            return None
        if entry is not None:
            examine.give_away(entry)
        self._discard(folder)
        return fault

    def translated(self) -> AbstractContextManager[None]:
        """Turn what the file system refuses into an error that says what to do."""
        return _translated(self.folder)

    def settle(self, entry: Entry) -> Entry | None:
        """Hash what a run could not afford to, so that the entry is known to be right; None if it is not."""
        with _translated(self.folder):
            return self._mend_held(entry.folder, entry.key, frugal=False)

    def is_there(self, entry: Entry) -> bool:
        """Whether the entry still is the one that was got: nobody has thrown it away or made it anew."""
        return os.path.lexists(examine.mark_path(entry))

    def raise_marks(self, entries: Iterable[Entry]) -> None:
        """Tell the store that the links made and removed since ``get`` were our own.

        For a deletion of an old environment: ``get`` its entries, delete, then this. After a placement
        `envctl.store.place.raise_marks` does the same without a ``stat`` a file. An entry that changed
        otherwise meanwhile keeps its mark.
        """
        with _translated(self.folder):
            for entry in entries:
                findings = examine.check(entry)
                if findings is not None and not findings.changed:
                    examine.raise_mark(entry, findings.highest)

    def _mend(self, folder: str, key: str, *, frugal: bool = True) -> Entry | None:
        """Under the key's lock: hash what needs it, record what is right, throw away what is wrong."""
        entry = examine.read_entry(folder, key)
        findings = examine.check(entry) if entry else None
        if entry is None or findings is None:
            self._discard(folder)
            return None
        if findings.clean:
            return entry
        cleared = self._clear(entry, findings, frugal=frugal)
        if (
            cleared is None
            or examine.find_wrong(entry, findings.changed) is not None
            or examine.lies_behind_link(entry, findings.changed)
        ):
            examine.give_away(entry)
            self._discard(folder)
            return None
        if findings.changed:
            files, touched = examine.put_right(entry, findings.changed)
            cleared = replace(cleared, files=files)
            examine.rewrite_manifest(cleared)
            examine.raise_mark(cleared, max(findings.highest, touched))
        return cleared

    def _clear(self, entry: Entry, findings: examine.Findings, *, frugal: bool = True) -> Entry | None:
        """Hash suspects, as far as the budget goes; None when one of them is wrong."""
        budget = self._budget if frugal else 1 << 62
        chosen, settled = examine.choose_to_hash(entry, findings, budget)
        if examine.find_wrong(entry, chosen) is not None:
            return None
        if frugal:
            spent = sum(examine.cost(entry.files[index]) for index in chosen)
            self._budget = self._budget - spent if settled else 0
        entry = replace(entry, settled=settled)
        if not findings.changed:
            examine.raise_mark(entry, findings.highest)
        return entry

    def _make(self, folder: str, key: str, produce: Callable[[str], Product | Mapping[str, object]]) -> Entry:
        with self._temporary() as temporary:
            tree = f"{temporary}/tree"
            product = self._fill(tree, produce)
            about, hashes = (
                (product, {}) if isinstance(product, Mapping) else (product.about, dict(product.hashes))
            )
            generation = atomic.unique_name()
            files, highest = examine.record_tree(tree, hashes)
            atomic.write(f"{temporary}/manifest", format_manifest(key, about, generation, files))
            mark = f"{temporary}/mark-{generation}"
            atomic.write(mark, b"")
            atomic.set_mtime(mark, highest, atime_ns=time.time_ns())
            self._publish(temporary, folder)
        return Entry(
            key=key, folder=folder, tree=f"{folder}/tree", files=files, about=about, generation=generation
        )

    def _fill(
        self, tree: str, produce: Callable[[str], Product | Mapping[str, object]]
    ) -> Product | Mapping[str, object]:
        try:
            atomic.make_directory(tree)
            return produce(tree)
        except FileNotFoundError as error:
            if os.path.isdir(tree):
                raise
            raise _OvertakenError from error  # all of the cache was deleted by hand

    def _publish(self, temporary: str, folder: str) -> None:
        """Give a complete entry its name.

        Raises:
            _OvertakenError: a purge took the lock away, and another run has made the entry meanwhile; or all
                of the cache was deleted.
        """
        while True:
            try:
                atomic.make_directories(os.path.dirname(folder))
                atomic.rename(temporary, folder)
            except FileNotFoundError as error:
                if not os.path.isdir(temporary):
                    raise _OvertakenError from error
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                raise _OvertakenError from error
            else:
                return

    def _discard(self, folder: str) -> None:
        if os.path.lexists(folder):
            self.throw_away(folder)

    # --- other things ---

    def require_room(self, what: str, *, size: int, inodes: int) -> None:
        """Refuse what does not fit here, before it is fetched or unpacked.

        Raises:
            MachineError: `no-space`.
        """
        with _translated(self.folder):
            self._prepare()
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
        with _translated(self.folder):
            self._prepare()
            atomic.make_directories(folder)
        return folder

    # --- the whole ---

    def info(self) -> dict[str, Extent]:
        """Measure what each bucket holds."""
        with _translated(self.folder):
            if not self._admit():
                return {}
            return {name: measure(f"{self.folder}/{name}") for name in self.buckets()}

    def purge(self) -> int:
        """Delete every bucket; returns the bytes that are free now: not those that environments share."""
        with _translated(self.folder):
            if not self._admit():
                return 0
            freed = 0
            for name in self.buckets():
                freed += measure(f"{self.folder}/{name}").own
                self.throw_away(f"{self.folder}/{name}")
            self.sweep()
            return freed

    def buckets(self) -> list[str]:
        """Name the buckets that are there, of whichever schema."""
        return sorted(name for name in os.listdir(self.folder) if _is_bucket(name))

    def _locate(self, bucket: str, key: str) -> str:
        if not _is_bucket(bucket) or not _is_key(key):
            raise ValueError(f"not a bucket and a key: {bucket!r}, {key!r}")
        return f"{self.folder}/{bucket}/{key[:2]}/{key}"

    def _admit(self) -> bool:
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

    def _prepare(self) -> None:
        """Make the folder where there is none, and clear away what killed runs left."""
        if not os.path.isdir(self.folder):
            self._admitted = self._swept = False  # deleted by hand, perhaps
        if not self._admit():
            atomic.make_directories(os.path.dirname(self.folder))
            atomic.make_directories(self.folder, mode=0o700)
            self._admit()
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
    def _temporary(self) -> Iterator[str]:
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
        for name in _list(f"{self.folder}/trash"):
            _remove_tree_quietly(f"{self.folder}/trash/{name}")
        for name in _list(f"{self.folder}/new"):
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


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _is_bucket(name: str) -> bool:
    stem, _, number = name.rpartition("-v")
    return stem.replace("-", "").isalnum() and number.isdecimal() and name.isascii()


def _is_key(key: str) -> bool:
    plain = key.replace("-", "").replace("_", "").replace(".", "")
    return plain.isalnum() and key.isascii() and key[0].isalnum() and 2 <= len(key) <= 200


@contextmanager
def _translated(folder: str) -> Iterator[None]:
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
