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
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from envctl import atomic
from envctl.errors import EnvctlError, MachineError
from envctl.frozen import replace
from envctl.store import examine
from envctl.store.entry import Entry, Product
from envctl.store.folder import CacheFolder, is_bucket, list_folder
from envctl.store.lock import hold, release, take
from envctl.store.manifest import format_manifest, parse_about

#: What one run may spend on hashing suspects before it links (`examine.cost`): about 5 ms.
HASH_BUDGET = 2 << 20

#: How often an entry is begun anew because others delete the cache, or make the entry, meanwhile.
_ATTEMPTS = 100


class _OvertakenError(Exception):
    """What this run was making was made by another one, or deleted."""


class Store(CacheFolder):
    """Entries in the folder of the cache."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._budget = HASH_BUDGET

    def get(self, bucket: str, key: str) -> Entry | None:
        """Get a complete entry whose every file is as it was put in; None when there is none.

        Costs one ``lstat`` a file. Files that may have been written since are hashed; an entry that
        holds a wrong byte is thrown away, and counts as absent.
        """
        return self.get_all([(bucket, key)])[0]

    def get_all(self, places: Sequence[tuple[str, str]]) -> list[Entry | None]:
        """Get several entries, each as `get` does; two processes look at their files."""
        entries = self.find_all(places)
        with self.translated():
            confirmed = iter(self.confirm_all([entry for entry in entries if entry is not None]))
            return [None if entry is None else next(confirmed) for entry in entries]

    def find_all(self, places: Sequence[tuple[str, str]]) -> list[Entry | None]:
        """Find several entries without a look at their files: `confirm_all` takes it before they are used."""
        located = [(self._locate(bucket, key), key) for bucket, key in places]
        with self.translated():
            return [self._find(*place) for place in located] if self.admit() else [None] * len(located)

    def _find(self, folder: str, key: str) -> Entry | None:
        entry = examine.read_entry(folder, key)
        # What is there without a manifest that can be read is of no use to anybody.
        return self._mend_held(folder, key) if entry is None and os.path.lexists(folder) else entry

    def confirm_all(self, entries: Sequence[Entry]) -> list[Entry | None]:
        """Look at the files of entries that were found; give each as it is now, None where it is not right.

        Two processes do so where that is of use. Raises `OSError`.
        """
        return [
            self._judge(entry, findings)
            for entry, findings in zip(entries, examine.check_all(entries), strict=True)
        ]

    def _judge(self, entry: Entry, findings: examine.Findings | None) -> Entry | None:
        if findings is not None and not findings.changed:
            # At most suspects: there is nothing to mend, unless a hash says so.
            right = entry if findings.clean else self._clear(entry, findings)
            if right is not None:
                return right
        return self._mend_held(entry.folder, entry.key)

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
        with self.translated():
            if not self.admit():
                return None
            data = examine.read_manifest(folder)
            about = None if data is None else parse_about(data, key)
        return None if about is None else (f"{folder}/tree", about)

    def find_related(self, keys: Collection[str], buckets: Mapping[str, str | None]) -> list[Entry]:
        """Find the entries of these keys, or that remember one of them under the name that a bucket gives.

        Their manifests alone are read: for who looks at their files himself (`examine.check`).
        """
        found = []
        with self.translated():
            for bucket, name in buckets.items() if self.admit() else ():
                for key in keys if name is None else self._list_keys(bucket):
                    entry = examine.read_entry(self._locate(bucket, key), key)
                    if entry is not None and (name is None or entry.about.get(name) in keys):
                        found.append(entry)
        return found

    def _list_keys(self, bucket: str) -> Iterator[str]:
        for folder in list_folder(f"{self.folder}/{bucket}"):
            if os.path.isdir(f"{self.folder}/{bucket}/{folder}"):
                yield from (name for name in list_folder(f"{self.folder}/{bucket}/{folder}") if _is_key(name))

    def add(self, bucket: str, key: str, produce: Callable[[str], Product | Mapping[str, object]]) -> Entry:
        """Get an entry, or make it: of processes that want it at once, one calls ``produce``.

        ``produce`` is given an empty folder, fills it, and returns what the entry shall remember: a
        `Product`, or just its ``about``. Modes it leaves are made 0644 and 0755. Whatever it raises
        leaves no entry. What it needs meanwhile it may put beside that folder, and removes again: if it is
        killed, the next run does.
        """
        folder = self._locate(bucket, key)
        with self.translated():
            for _ in range(_ATTEMPTS):
                self.prepare()
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
        with self.translated():
            try:
                with hold(f"{folder}.lock"):
                    return self._verify(folder, key) if os.path.lexists(folder) else None
            except FileNotFoundError:
                return None  # the bucket was purged meanwhile

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
        else:
            self._condemn(folder, entry)
        return fault

    def settle(self, entry: Entry) -> Entry | None:
        """Hash what a run could not afford to, so that the entry is known to be right; None if it is not."""
        with self.translated():
            return self._mend_held(entry.folder, entry.key, frugal=False)

    def are_as_found(self, entries: Sequence[Entry]) -> bool:
        """Whether all these entries are right, and what was found, for all that can be told."""
        try:
            confirmed = self.confirm_all(entries)
        except OSError:
            return True
        return all(
            now is not None and now.is_as(entry) for now, entry in zip(confirmed, entries, strict=True)
        )

    def _mend(self, folder: str, key: str, *, frugal: bool = True) -> Entry | None:
        """Under the key's lock: hash what needs it, record what is right, throw away what is wrong."""
        entry = examine.read_entry(folder, key)
        findings = examine.check(entry) if entry else None
        if entry is None or findings is None:
            self._condemn(folder, entry)
            return None
        if findings.clean:
            return entry
        cleared = self._clear(entry, findings, frugal=frugal)
        if (
            cleared is None
            or examine.find_wrong(entry, findings.changed) is not None
            or examine.lies_behind_link(entry, findings.changed)
        ):
            self._condemn(folder, entry)
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
        with self.temporary() as temporary:
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
        except (OSError, EnvctlError) as error:
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

    def _condemn(self, folder: str, entry: Entry | None) -> None:
        """Throw away what is not what was put in, and let those know who share it."""
        if entry is not None:
            examine.give_away(entry)
        if os.path.lexists(folder):
            self.throw_away(folder)

    def _locate(self, bucket: str, key: str) -> str:
        if not is_bucket(bucket) or not _is_key(key):
            raise ValueError(f"not a bucket and a key: {bucket!r}, {key!r}")
        return f"{self.folder}/{bucket}/{key[:2]}/{key}"


def _is_key(key: str) -> bool:
    plain = key.replace("-", "").replace("_", "").replace(".", "")
    return plain.isalnum() and key.isascii() and key[0].isalnum() and 2 <= len(key) <= 200
