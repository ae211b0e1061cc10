"""What each index says about a project: fresh from the cache, revalidated, or fetched.

Asked in the order of `served.py`, until one has it. Nothing is remembered here but what costs a scan or a
request for many projects at once (flat indexes); the client remembers the rest.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from envctl.errors import EnvctlError, UpstreamError
from envctl.index.answer import Missing, NotModified
from envctl.index.cache import Cache, StoredRecord
from envctl.index.listing import FLAT, ListedProject, encode_record, make_head, open_record, refresh_record
from envctl.index.location import find_path
from envctl.index.pool import Pending
from envctl.index.served import Served, choose_indexes
from envctl.resolve.port import Project

if TYPE_CHECKING:
    from envctl.index.fetcher import Fetcher


class Seen:
    """Which records of the cache a run was answered from, by path: what they were, and when they expire.

    Added to from several threads. ``is_all`` says that the answers came from these records and nowhere else,
    and that each was one and the same all the while.
    """

    def __init__(self) -> None:
        self.records: dict[str, tuple[str, int]] = {}
        self.is_all = True

    def add(self, stored: StoredRecord) -> None:
        """Note a record that was opened."""
        found = stored.stamp, stored.head.expires
        if self.records.setdefault(stored.path, found) != found:
            self.is_all = False

    def add_other(self) -> None:
        """Note that something else came in, too."""
        self.is_all = False


class Pages:
    """The projects of all indexes of a run. Safe to be called from several threads.

    ``fetcher`` returns what asks the network, and is called only when it is needed.
    """

    def __init__(
        self,
        served: Sequence[Served],
        pinned: Mapping[str, str],
        *,
        cache: Cache,
        fetcher: Callable[[], Fetcher],
        offline: bool,
        clock: Callable[[], float],
    ) -> None:
        self._served = served
        self._pinned = pinned
        self._cache = cache
        self._fetcher = fetcher
        self._offline = offline
        self._clock = clock
        self._lock = threading.Lock()
        self._flat: dict[str, Pending[Mapping[str, Project]]] = {}
        self.seen = Seen()

    def find_fresh(self, name: str) -> Project | None:
        """Return a project whose answer is fresh in the cache; asks nobody and never raises.

        Only where the first index that may serve it has it: what the first lacks has to be asked again.
        """
        try:
            served = choose_indexes(name, self._served, self._pinned)[:1]
        except EnvctlError:
            return None
        if not served or served[0].flat or served[0].is_local:
            return None
        stored = self._cache.find_page(served[0].url, name)
        if stored is None or stored.head.missing or not self._is_fresh(stored):
            return None
        if _is_quarantined(stored.head.status):
            return None
        return self._open_stored(served[0], name, stored)

    def find(self, name: str) -> Project | None:
        """Return a project from the first index that has it. Blocks; raises as `IndexClient.project`."""
        for served in choose_indexes(name, self._served, self._pinned):
            project = self.ask(served, name)
            if project is not None:
                return _refuse_quarantined(project)
        return None

    def find_elsewhere(self, name: str, but: str | None) -> Sequence[Project]:
        """Return what the indexes that might serve ``name`` have of it, without the one called ``but``.

        An index that claims the name still keeps it from all others. Blocks; who does not answer has none.
        """
        found: list[Project] = []
        for served in choose_indexes(name, self._served, {}):
            if served.name == but:
                continue
            try:
                project = self.ask(served, name)
            except EnvctlError:
                continue
            if project is not None:
                found.append(project)
        return found

    def exists(self, name: str) -> bool:
        """Whether some index has ``name``; no where it cannot be told. Blocks."""
        for served in choose_indexes(name, self._served, {}):
            try:
                if served.flat:
                    known = name in self._open_flat(served)
                elif served.is_local:
                    known = os.path.isdir(os.path.join(find_path(served.url), name))
                else:
                    known = self._fetcher().exists(served, name)
            except EnvctlError:
                continue
            if known:
                return True
        return False

    def serving(self, name: str, index: str | None) -> tuple[Served, ...]:
        """Return the index of that name where there is one, else those that may serve ``name``."""
        named = tuple(served for served in self._served if served.name == index)
        return named or choose_indexes(name, self._served, self._pinned)

    def ask(self, served: Served, name: str) -> Project | None:
        """Return a project from one index, None when it has none. Blocks; raises as `IndexClient.project`."""
        if served.flat or served.is_local:
            self.seen.add_other()
            if served.flat:
                return self._open_flat(served).get(name)
            return self._fetcher().local_project(served, name)
        stored = self._cache.find_page(served.url, name)
        if stored is not None and self._is_fresh(stored):
            if not stored.head.missing:
                return self._open_stored(served, name, stored)
            self.seen.add_other()
            return None
        return self._renew(served, name, stored)

    def _is_fresh(self, stored: StoredRecord) -> bool:
        return self._offline or stored.head.expires > self._clock()

    def _renew(self, served: Served, name: str, stored: StoredRecord | None) -> ListedProject | None:
        """Fetch a page, or learn that the one in the cache is still right."""
        record, is_kept = self._update(served, name, stored)
        if record is None:
            return None
        return self._open_kept(served, name, record) if is_kept else open_record(record, index=served.name)

    def _update(self, served: Served, name: str, stored: StoredRecord | None) -> tuple[bytes | None, bool]:
        """Ask for a page; return its record, None where there is no such project, and whether it was kept."""
        known = None if stored is None or stored.head.missing else stored.head
        answer = self._fetcher().page(served, name, known)
        if isinstance(answer, Missing):
            # Kept for --offline only: it is never fresh, since somebody may be about to publish the name.
            self.seen.add_other()
            if answer.keep:
                self._cache.keep_page(served.url, name, encode_record(head=make_head(name, missing=True)))
            else:
                self._cache.drop_page(served.url, name)
            return None, answer.keep
        record = self._refresh(stored, answer) if isinstance(answer, NotModified) else answer.record
        if record is None:  # damaged: ask for all of it
            return self._update(served, name, None)
        if answer.keep:
            self._cache.keep_page(served.url, name, record)
        else:
            self.seen.add_other()
            self._cache.drop_page(served.url, name)
        return record, answer.keep

    def _refresh(self, stored: StoredRecord | None, answer: NotModified) -> bytes | None:
        data = None if stored is None else _read_whole(stored)
        if data is None:
            return None
        expires = int(self._clock()) + answer.max_age
        return refresh_record(data, expires=expires, etag=answer.etag, modified=answer.modified)

    def _open_kept(self, served: Served, name: str, record: bytes) -> ListedProject | None:
        """Open a record that was just kept, so that its blobs need not stay in memory."""
        stored = self._cache.find_page(served.url, name)
        if stored is None:
            self.seen.add_other()
            return open_record(record, index=served.name)
        return self._open_stored(served, name, stored)

    def _open_stored(self, served: Served, name: str, stored: StoredRecord) -> ListedProject:
        self.seen.add(stored)
        return ListedProject(
            stored.head,
            index=served.name,
            read=stored.read,
            renew=lambda: self._renew(served, name, None),
        )

    def _open_flat(self, served: Served) -> Mapping[str, Project]:
        with self._lock:
            pending = self._flat.get(served.name)
            if pending is None:
                pending = self._flat[served.name] = Pending(lambda: self._find_flat(served))
        return pending.wait()

    def _find_flat(self, served: Served) -> Mapping[str, Project]:
        """Return all projects of a flat index."""
        if served.is_local:
            return self._fetcher().local_flat(served)
        stored = self._cache.find_page(served.url, FLAT)
        if stored is not None and self._is_fresh(stored):
            record = _read_whole(stored)
        else:
            record, _ = self._update(served, FLAT, stored)
        projects = None if record is None else self._fetcher().open_flat(record, served)
        if projects is None:  # damaged
            record, _ = self._update(served, FLAT, None)
            projects = self._fetcher().open_flat(record or b"", served)
        return projects or {}


def _read_whole(stored: StoredRecord) -> bytes | None:
    try:
        return stored.read_all()
    except OSError:
        return None


def _is_quarantined(status: str | None) -> bool:
    return status is not None and status.partition(":")[0] == "quarantined"


def _refuse_quarantined(project: Project) -> Project:
    """Return a project, unless its index says that nobody should install it.

    Raises:
        UpstreamError: `quarantined`.

    Source: PEP 792.
    """
    status = project.status or ""
    if not _is_quarantined(status):
        return project
    reason = status.partition(": ")[2]
    message = f"the index `{project.index}` has put `{project.name}` into quarantine"
    hints = ("it may be malware: look at what the index says of it before anything else",)
    raise UpstreamError(
        "quarantined", f"{message}: {reason}" if reason else message, where=project.name, hints=hints
    )
