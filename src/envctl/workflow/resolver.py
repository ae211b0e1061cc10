"""Resolving for one run, with the concrete adapters joined: light while all that it asks for is in the cache.

What fetches files and builds (`envctl.workflow.remote`) weighs more than a whole resolution. It is made
when a wheel has to be obtained, or when only a source distribution or a source tree can tell its metadata.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from envctl.frozen import replace
from envctl.index.client import IndexClient
from envctl.index.http import HttpTransport
from envctl.index.served import choose_indexes, make_served
from envctl.lock.compose import compose
from envctl.lock.lock import Lock
from envctl.manifest.conflicts import conflicts_of
from envctl.manifest.manifest import GitSource, IndexSource, Manifest, UrlSource
from envctl.model.artifact import Archive, Artifact, Checkout, Directory
from envctl.model.interpreter import Interpreter
from envctl.model.target import Target
from envctl.receipt import digest_file
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.request import Reference, request_from
from envctl.workflow.answers import AnswerBook
from envctl.workflow.basis import Basis, Listener
from envctl.workflow.catalog import JoinedCatalog
from envctl.workflow.context import Context, Released, open_memo
from envctl.workflow.digests import add_digests
from envctl.workflow.places import find_places
from envctl.workflow.resolving import resolve_targets
from envctl.workflow.sources import list_references

if TYPE_CHECKING:
    from envctl.manifest.references import Located
    from envctl.model.selection import Pin
    from envctl.store.entry import Entry
    from envctl.store.store import Store
    from envctl.workflow.origins import Origins
    from envctl.workflow.remote import Adapters


class MakeAdapters(Protocol):
    """Makes what fetches and builds, over the client of the run; ``known`` fills with what it settles."""

    def __call__(
        self,
        context: Context,
        manifest: Manifest,
        interpreter: Interpreter,
        store: Store,
        client: IndexClient,
        *,
        known: Mapping[str, Artifact],
    ) -> Adapters:
        """Make it; called once."""


class Resolver:
    """The remote side of one run (see `Remote`); its heavy half is made at first use."""

    def __init__(
        self,
        context: Context,
        manifest: Manifest,
        interpreter: Interpreter,
        store: Store,
        make_adapters: MakeAdapters,
    ) -> None:
        self._context = context
        self._manifest = manifest
        self._client = make_client(context, manifest)
        self._settled: dict[str, Artifact] = {}
        self._make_adapters = partial(
            make_adapters, context, manifest, interpreter, store, self._client, known=self._settled
        )
        self._made: Adapters | None = None
        self._listener = Listener(context.emit)
        self._settings_before: str | None = None
        self._has_built = False
        self._commits: dict[GitSource, str] = {}

    def resolve(
        self,
        manifest: Manifest,
        targets: Sequence[Target],
        *,
        direct: Mapping[str, Artifact],
        digest: str,
        old: Lock | None,
        released: Released,
    ) -> Lock:
        """See `Remote.resolve`."""
        self._listener = Listener(self._context.emit)
        self._settings_before = digest_file(self._context.settings.file)
        direct = {**direct, **self._settle(manifest, old, released)}
        request = request_from(manifest, direct=direct, preferences={}, now=datetime.now(UTC))
        book = AnswerBook(open_memo(self._context.settings))
        resolutions = resolve_targets(
            request,
            targets,
            self.catalog(),
            self._listener,
            old=old,
            released=released,
            tolerant=bool(manifest.lock.targets),
            recall=book.recall,
            find_places=partial(find_places, manifest),
            elsewhere=self._client.elsewhere,
            conflicts=conflicts_of(manifest),
            discover=partial(self._discover, manifest, old, released),
        )
        book.keep()
        # With --upgrade a file is looked at anew: nothing else would ever notice that it was replaced.
        known = None if released is None else old
        resolutions = add_digests(resolutions, self._client.digests, self._listener, old=known)
        return compose(
            resolutions, manifest=manifest, digest=digest, old=old, mirrors=self._context.settings.mirrors
        )

    def settle(
        self, manifest: Manifest, direct: Mapping[str, Artifact], lock: Lock
    ) -> Mapping[str, Artifact]:
        """See `Remote.settle`."""
        far = self._settle(manifest, lock, frozenset())
        if not far and not any(package.directory for package in lock.packages):
            return direct
        from envctl.workflow.origins import recall  # noqa: PLC0415 - few locks hold what no index has

        known = {**direct, **far}
        return {**known, **recall(lock, known)}

    def basis(self) -> Basis | None:
        """See `Remote.basis`."""
        seen = self._client.seen
        if self._has_built or not seen.is_all:
            return None
        records = dict(seen.records)
        return Basis(
            records={path: stamp for path, (stamp, _) in records.items()},
            until=min((expires for _, expires in records.values()), default=None),
            settings=self._settings_before,
            notices=tuple(self._listener.notices),
            summary=self._listener.summary,
        )

    def catalog(self) -> Catalog:
        """See `Remote.catalog`."""
        return JoinedCatalog(
            client=self._client,
            sdist_metadata=self._sdist_metadata,
            directory_metadata=self._directory_metadata,
            direct_metadata=self._direct_metadata,
        )

    def projects(self, name: str) -> Sequence[Project]:
        """See `Remote.projects`. A client asks one index for a name, so that each index gets its own."""
        first = self._client.project(name)
        if first is None or isinstance(self._manifest.sources.get(name), IndexSource):
            return () if first is None else (first,)
        served = choose_indexes(name, make_served(self._manifest.indexes, {}), {})
        names = [index.name for index in served]
        found = [first]
        for other in names[names.index(first.index) + 1 :]:
            client = make_client(self._context, self._manifest, {name: other})
            try:
                project = client.project(name)
            finally:
                client.close()
            if project is not None:
                found.append(project)
        return tuple(found)

    def obtain(self, pins: Sequence[Pin], *, anew: Collection[str] = ()) -> Mapping[str, Entry]:
        """See `Remote.obtain`."""
        return self._adapters().obtain(pins, anew=anew)

    def compile(self, entries: Sequence[Entry]) -> Mapping[str, Entry]:
        """See `Remote.compile`."""
        return self._adapters().compile(entries)

    def close(self) -> None:
        """See `Remote.close`."""
        self._client.close()

    def _adapters(self) -> Adapters:
        if self._made is None:
            self._made = self._make_adapters()
        return self._made

    def _settle(self, manifest: Manifest, old: Lock | None, released: Released) -> Mapping[str, Artifact]:
        """Settle what the manifest names elsewhere."""
        is_direct = any(isinstance(one, GitSource | UrlSource) for one in manifest.sources.values())
        if not is_direct and not any(True for _ in list_references(manifest)):
            return {}
        settled = self._origins(old, released).settle(manifest)
        self._settled.update(settled)
        return settled

    def _discover(
        self, manifest: Manifest, old: Lock | None, released: Released, reference: Reference, by: str
    ) -> Artifact:
        """Tell what a direct reference stands for that the source tree of ``by`` has."""
        return self._origins(old, released).discover(manifest, reference.name, reference.url, by)

    def _origins(self, old: Lock | None, released: Released) -> Origins:
        from envctl.workflow.origins import Origins  # noqa: PLC0415 - few manifests have direct sources

        return Origins(
            old=old, released=released, find_commit=self._find_commit, fetch_archive=self._fetch_archive
        )

    def _find_commit(self, source: GitSource) -> str:
        self._has_built = True
        whole = replace(source, subdirectory=None)
        if whole not in self._commits:
            self._commits[whole] = self._adapters().checkouts().find_commit(whole)
        return self._commits[whole]

    def _fetch_archive(self, name: str, located: Located) -> Archive:
        self._has_built = True
        return self._adapters().fetcher().settle_archive(name, located)

    def _direct_metadata(self, name: str, artifact: Archive | Checkout) -> Metadata:
        self._has_built = True
        return self._adapters().direct_metadata(name, artifact)

    def _sdist_metadata(self, name: str, file: ListedFile) -> Metadata:
        self._has_built = True
        return self._adapters().builder().sdist_metadata(name, file)

    def _directory_metadata(self, name: str, directory: Directory) -> Metadata:
        # Few manifests have source trees.
        from envctl.build.source import read_stated_metadata  # noqa: PLC0415 - the reason is above

        stated = read_stated_metadata(os.path.join(directory.path, directory.subdirectory or ""))
        if stated is not None:
            return stated
        self._has_built = True
        return self._adapters().builder().directory_metadata(name, directory)


def make_client(context: Context, manifest: Manifest, pinned: Mapping[str, str] | None = None) -> IndexClient:
    """Make the client of a manifest's indexes.

    ``pinned`` maps projects to the index that they have to come from; None leaves that to the manifest.
    """
    if pinned is None:
        pinned = {
            name: source.index for name, source in manifest.sources.items() if isinstance(source, IndexSource)
        }
    urls = [source.url for source in manifest.sources.values() if isinstance(source, UrlSource)]
    urls += [one.requirement.url or "" for one in list_references(manifest)]
    return IndexClient(
        places=[url for url in urls if url.startswith(("https:", "http:"))],
        indexes=manifest.indexes,
        pinned=pinned,
        settings=context.settings,
        transport=HttpTransport(context.settings, emit=context.emit),
        emit=context.emit,
    )
