"""The client of package indexes: pages, metadata and files, from memory, from the cache, from the network.

What a name is asked of is decided by `served.py`; what is kept by `cache.py`; asking itself is done by
`fetcher.py`, which is loaded with the first request. This module joins them and remembers what it has
seen, so that a project has one answer in a run.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from envctl.index.answer import Stated
from envctl.index.cache import Cache
from envctl.index.location import Origin, format_url, is_local
from envctl.index.near import MAXIMAL_GUESSES, choose_near, guess_names
from envctl.index.pages import Pages, Seen
from envctl.index.pool import Pending, Pool
from envctl.index.retry import RetryPolicy
from envctl.index.served import Served, make_served
from envctl.index.stated import decode_metadata, encode_metadata
from envctl.index.transport import Transport
from envctl.manifest.manifest import Index
from envctl.model.artifact import Sdist, Wheel
from envctl.model.events import Emit, Notice
from envctl.model.settings import Settings
from envctl.resolve.port import ListedFile, Metadata, Project

if TYPE_CHECKING:
    from envctl.index.credentials import Credentials
    from envctl.index.fetcher import Fetcher

#: As many as connections are kept open.
_WORKERS = 16


class IndexClient:
    """All indexes of one run. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        indexes: Sequence[Index],
        pinned: Mapping[str, str],
        settings: Settings,
        transport: Transport,
        emit: Emit,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.time,
        places: Sequence[str] = (),
    ) -> None:
        """Open nothing yet. ``pinned`` maps a project to the name of the index it has to come from.

        ``places`` are URLs of files that come from no index, whose hosts may ask for credentials too.
        """
        self._places = places
        self._indexes = indexes
        self._settings = settings
        self._transport = transport
        self._emit = emit
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._cache = Cache(settings)
        self._pool = Pool(_WORKERS)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._fetcher: Fetcher | None = None
        self._pages = Pages(
            make_served(indexes, settings.mirrors),
            pinned,
            cache=self._cache,
            fetcher=self._fetch,
            offline=settings.offline,
            clock=clock,
        )
        self._projects: dict[str, Pending[Project | None]] = {}
        self._metadata: dict[str, Pending[Stated]] = {}
        self._gone: set[Origin] = set()

    def project(self, name: str) -> Project | None:
        """Return a project from the first index that has it, None when none has.

        An index that claims the name, or that it is pinned to, is the only one asked. Blocks at first.

        Raises:
            UpstreamError: `index-error`, `index-unreachable`, `timeout`, `tls-failed`, `bad-index-page`,
                `offline` when the cache does not have it.
            InputError: `unknown-index`.
        """
        return self._pending_project(name).wait()

    @property
    def seen(self) -> Seen:
        """What its answers about projects came from, so far."""
        return self._pages.seen

    def core_metadata(self, file: ListedFile) -> bytes:
        """Return the METADATA of a wheel: a file beside it, ranges of it, or the whole of it.

        That its name and version are those of the file is for the caller to check. Raises ValueError for an
        sdist without a metadata file.

        Raises:
            UpstreamError: `metadata-hash-mismatch`, `bad-wheel`, `hash-mismatch`, `weak-hash`, `index-error`,
                `offline`, and what the transport raises.
        """
        return self._take_metadata(file).data

    def metadata(self, file: ListedFile) -> Metadata:
        """Return the part of a wheel's METADATA that decides a resolution.

        Raises:
            UpstreamError: `bad-metadata`, and what `core_metadata` raises.
        """
        key = "" if is_local(file.url) else _metadata_key(file)
        known = self._cache.find_stated(key) if key else None
        if known is not None:
            return decode_metadata(known)
        from envctl.index.metadata import parse_metadata  # noqa: PLC0415 - packaging's parsers: 25 ms

        stated = self._take_metadata(file)
        metadata = parse_metadata(stated.data, where=file.filename)
        if key and stated.reuse:
            self._cache.keep_stated(key, encode_metadata(metadata))
        return metadata

    def fetch(
        self,
        url: str,
        target: str,
        *,
        hashes: Mapping[str, str],
        size: int | None,
        on_bytes: Callable[[int], object],
    ) -> str:
        """Stream a file to ``target``, a new file in a folder of the caller's; return its sha256.

        Every digest that is given has to fit, and the size. ``on_bytes`` is told how many bytes came in,
        and a negative number when a broken download begins anew. After a failure ``target`` is gone.

        Raises:
            UpstreamError: `hash-mismatch`, `size-mismatch`, `weak-hash`, `bad-hash`, `index-error`,
                `no-such-file`, `offline`, and what the transport raises.
            MachineError: `disk-full`, `cannot-write`, `cannot-read`.
        """
        return self._fetch().download(url, target, hashes=hashes, size=size, on_bytes=on_bytes)

    def fetch_locked(self, file: Wheel | Sdist, target: str, *, on_bytes: Callable[[int], object]) -> str:
        """Fetch a file of a lock, as `fetch` does, from its URL or from where its index has it now.

        Raises:
            UpstreamError, MachineError: as `fetch` does.
        """
        # Parsers of names and versions, which a run that fetches no file should not pay for.
        from envctl.index.locked import Whereabouts  # noqa: PLC0415 - the reason is above

        def fetch(url: str) -> str:
            digest = self.fetch(url, target, hashes=file.hashes, size=file.size, on_bytes=on_bytes)
            if url != (file.url or file.path):
                message = f"`{file.filename}` is taken from `{format_url(url)}`"
                self._emit(Notice("debug", "file-elsewhere", message))
            return digest

        places = Whereabouts(
            file,
            serving=self._pages.serving,
            ask=self._ask,
            mirrors=self._settings.mirrors,
            gone=self._gone,
        )
        return places.fetch(fetch)

    def digests(self, files: Collection[Wheel | Sdist]) -> Mapping[str, str]:
        """Fetch files that no strong digest is known of, and return the sha256 of each by its URL.

        Digests that are given have to fit, however weak they are.

        Raises:
            UpstreamError, MachineError: as `fetch` does.
        """
        pending = {file.url: self._pool.submit(partial(self._digest, file)) for file in files if file.url}
        return {url: each.wait() for url, each in pending.items()}

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to fetch the pages of projects; what is fresh in the cache is read at once. Never raises."""
        if self._settings.offline:
            return
        for name in names:
            self._pending_project(name, ahead=True)

    def prefetch_metadata(self, file: ListedFile) -> None:
        """Begin to fetch the metadata of a wheel, unless it is at hand. Never raises."""
        if self._settings.offline or is_local(file.url) or not file.filename.endswith(".whl"):
            return
        if not self._cache.has_metadata(_metadata_key(file)):
            self._pending_metadata(file, ahead=True)

    def near_names(self, name: str) -> Sequence[str]:
        """Return names that exist and look like ``name``, for a hint.

        Names that this machine has seen before come first, then guesses; an index is asked for each,
        sixteen times at most. Offline there are none.
        """
        if self._settings.offline:
            return ()
        guesses = dict.fromkeys((*choose_near(name, self._cache.known_projects()), *guess_names(name)))
        asked = [
            (guess, self._pool.submit(partial(self._pages.exists, guess)))
            for guess in list(guesses)[:MAXIMAL_GUESSES]
        ]
        return tuple(guess for guess, found in asked if found.wait())

    def elsewhere(self, name: str, but: str | None) -> Sequence[Project]:
        """Return what other indexes than ``but`` have of a project that one of them was asked for."""
        return () if self._settings.offline else self._pages.find_elsewhere(name, but)

    def close(self) -> None:
        """Begin nothing more and close all connections."""
        self._closed.set()
        self._pool.close()
        if self._fetcher is not None:
            self._fetcher.close()
        self._transport.close()

    def _pending_project(self, name: str, *, ahead: bool = False) -> Pending[Project | None]:
        with self._lock:
            pending = self._projects.get(name)
        if pending is not None:
            return pending
        # Reading the cache takes less than handing the work to another thread.
        fresh = self._pages.find_fresh(name)
        operation = partial(self._pages.find, name) if fresh is None else lambda: fresh
        with self._lock:
            if name not in self._projects:
                submits = ahead and fresh is None
                self._projects[name] = self._pool.submit(operation) if submits else Pending(operation)
            return self._projects[name]

    def _ask(self, served: Served, name: str) -> Project | None:
        """Return a project from one index; what this run has seen of it is not asked for again."""
        with self._lock:
            pending = self._projects.get(name)
        known = None if pending is None else pending.wait()
        return known if known is not None and known.index == served.name else self._pages.ask(served, name)

    def _take_metadata(self, file: ListedFile) -> Stated:
        """Return the metadata of a file, and forget it where the cache has it; raises as `core_metadata`."""
        if not file.filename.endswith(".whl") and file.core_metadata is None:
            message = f"{file.filename} is no wheel"
            raise ValueError(message)
        stated = None
        pending = self._pending_metadata(file)
        try:
            stated = pending.wait()
        finally:
            if not self._settings.no_cache and (stated is None or stated.reuse):
                with self._lock:  # a long search would hold a hundred megabytes of them
                    self._metadata.pop(file.url, None)
        return stated

    def _pending_metadata(self, file: ListedFile, *, ahead: bool = False) -> Pending[Stated]:
        operation = partial(self._find_metadata, file)
        with self._lock:
            if file.url not in self._metadata:
                self._metadata[file.url] = self._pool.submit(operation) if ahead else Pending(operation)
            return self._metadata[file.url]

    def _digest(self, file: Wheel | Sdist) -> str:
        return self._fetch().digest(
            file.url or "", scratch=self._cache.scratch(), hashes=file.hashes, size=file.size
        )

    def _find_metadata(self, file: ListedFile) -> Stated:
        if is_local(file.url):
            return self._fetch().metadata(file, scratch=self._cache.scratch)
        key, offline_key = _metadata_key(file), _metadata_key(file, "offline ")
        known = self._cache.find_metadata(key)
        if known is not None:
            return Stated(data=known)
        known = self._cache.find_metadata(offline_key) if self._settings.offline else None
        if known is not None:
            stated = Stated(data=known, reuse=False)
        else:
            stated = self._fetch().metadata(file, scratch=self._cache.scratch)
            if stated.keep:
                self._cache.keep_metadata(key if stated.reuse else offline_key, stated.data)
        if not stated.reuse:
            self._pages.seen.add_other()
        return stated

    def _fetch(self) -> Fetcher:
        """Return what asks the network; made, and its modules loaded, when something has to be asked."""
        with self._lock:
            if self._fetcher is None:
                # Parsers, zipfile and netrc: 30 ms that a run whose pages are fresh should not pay.
                from envctl.index import fetcher  # noqa: PLC0415 - the reason is above

                self._fetcher = fetcher.Fetcher(
                    self._transport,
                    self._find_credentials(),
                    policy=self._policy,
                    sleep=self._closed.wait,
                    clock=self._clock,
                    emit=self._emit,
                    timeout=self._settings.timeout,
                )
            return self._fetcher

    def _find_credentials(self) -> Credentials:
        from envctl.index import credentials  # noqa: PLC0415 - loaded with the fetcher

        settings = self._settings
        urls = {index.name: settings.mirrors.get(index.name, index.url) for index in self._indexes}
        remote = {name: url for name, url in urls.items() if not is_local(url)}
        found = credentials.find_logins(remote, settings.environ, places=self._places)
        return credentials.Credentials(
            found.logins,
            ask=None if settings.keyring == "never" else self._ask_keyring,
            at_once=settings.keyring == "always",
            netrc_fault=found.netrc_fault,
        )

    def _ask_keyring(self, url: str, user: str | None) -> tuple[str, str] | None:
        from envctl.index import keyring  # noqa: PLC0415 - subprocesses, which few indexes need

        settings = self._settings
        return keyring.Keyring(settings.environ, self._emit, timeout=settings.timeout)(url, user)


def _metadata_key(file: ListedFile, use: str = "") -> str:
    """Name what metadata is kept under: what the index promises of it, or else the place it is read from.

    The wheel's own digest is not enough: another index may list the same wheel with forged metadata. What
    may be used by some runs only is kept under another name than what all may use.
    """
    promised = (file.core_metadata or {}).get("sha256")
    known_by = f"metadata {promised}" if promised else f"url {file.url}"
    wheel = file.hashes.get("sha256", "")
    return hashlib.sha256(f"{use}{wheel}\n{known_by}".encode()).hexdigest()
