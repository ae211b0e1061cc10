"""What fetches and builds in a run, with the concrete adapters joined.

Heavy (archives, subprocesses, temporary folders): loaded only by a command that comes to need it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager

from packaging.requirements import Requirement

from envctl.build.process import Processes
from envctl.errors import BuildError
from envctl.frozen import dataclass, field, replace
from envctl.index.client import IndexClient
from envctl.index.metadata import parse_metadata
from envctl.index.pool import Pool
from envctl.lock.choose import choose_wheel
from envctl.manifest.manifest import Manifest
from envctl.model.artifact import Archive, Artifact, Checkout, Sdist, Wheel, format_origin
from envctl.model.events import Emit, Ended, Event, Notice
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.target import Target, choose_target
from envctl.resolve.port import ListedFile, Metadata
from envctl.resolve.request import permission_from, request_for
from envctl.resolve.solve import solve
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.vcs.command import Git
from envctl.workflow.archives import read_unpacked
from envctl.workflow.building import Builder
from envctl.workflow.built import describe_origin, find_places
from envctl.workflow.catalog import JoinedCatalog
from envctl.workflow.checkouts import Checkouts, make_git
from envctl.workflow.compiling import compile_entries
from envctl.workflow.context import Context, Remote, open_memo
from envctl.workflow.digests import add_digests
from envctl.workflow.fetching import Fetcher, gather, pin_wheel
from envctl.workflow.jobs import Jobs
from envctl.workflow.keys import as_wheel
from envctl.workflow.locks import load_lock
from envctl.workflow.origins import Origins
from envctl.workflow.resolver import Resolver
from envctl.workflow.toolsources import ToolSources, take_out_urls
from envctl.workflow.workbench import Workshop, lay_workshop

#: Seconds in which builds that were ended have to be gone.
PATIENCE = 10.0


def make_remote(context: Context, manifest: Manifest, interpreter: Interpreter, store: Store) -> Remote:
    """Make the remote side of one run."""
    return Resolver(context, manifest, interpreter, store, make_adapters)


def make_adapters(
    context: Context,
    manifest: Manifest,
    interpreter: Interpreter,
    store: Store,
    client: IndexClient,
    *,
    known: Mapping[str, Artifact] | None = None,
) -> Adapters:
    """Make what fetches and builds in one run; ``known`` is what it has settled of the manifest's sources."""

    def make_origins() -> Origins:
        return Origins(
            old=load_lock(manifest, memo=open_memo(context.settings)).lock,
            released=frozenset(),
            find_commit=adapters.checkouts().find_commit,
            fetch_archive=adapters.fetcher().settle_archive,
        )

    adapters = Adapters(
        context=context,
        manifest=manifest,
        interpreter=interpreter,
        store=store,
        client=client,
        git=make_git(context.settings, context.emit),
        sources=ToolSources(manifest, known=known or {}, make_origins=make_origins),
    )
    return adapters


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What fetches and builds in one run; see `Remote` for what it does.

    ``sources`` is what build requirements come from that come from no index, by name.
    ``chain`` names the projects that are being built, each for the one before it; ``anew`` says that of tools
    that have to be built themselves the tools are chosen anew, too.
    """

    context: Context
    manifest: Manifest
    interpreter: Interpreter
    store: Store
    client: IndexClient
    git: Git
    sources: Mapping[str, Artifact]
    processes: Processes = field(default_factory=Processes)
    chain: tuple[str, ...] = ()
    anew: bool = False

    @property
    def emit(self) -> Emit:
        """The channel for events."""
        return self.context.emit

    def obtain(self, pins: Sequence[Pin], *, anew: Collection[str] = ()) -> Mapping[str, Entry]:
        """See `Remote.obtain`."""
        found = self.fetcher().fetch_wheels([pin for pin in pins if as_wheel(pin.artifact) is not None])
        return {**found, **self._build([pin for pin in pins if pin.name not in found], anew)}

    def compile(self, entries: Sequence[Entry]) -> Mapping[str, Entry]:
        """See `Remote.compile`."""
        return compile_entries(self.store, entries, self.interpreter, self.emit)

    def _build(self, pins: Sequence[Pin], anew: Collection[str]) -> dict[str, Entry]:
        """Build as many at a time as there are cores; what another build needs, one after the other."""

        def build(pin: Pin) -> Entry:
            return replace(self, anew=self.anew or pin.name in anew).builder().build(pin)

        if len(pins) < 2 or self.chain:
            return {pin.name: build(pin) for pin in pins}
        pool = Pool(min(len(pins), os.cpu_count() or 1))
        try:
            found = dict(gather(pool, pins, build))
        except BaseException:
            # Of a failure the first is told; the backends that still run are ended, and tidied up after.
            self.processes.stop()
            self.git.running.stop()
            pool.close(patience=PATIENCE)
            raise
        pool.close()
        return found

    def catalog(self) -> JoinedCatalog:
        """Make what tells what exists."""
        builder = self.builder()
        return JoinedCatalog(
            client=self.client,
            sdist_metadata=builder.sdist_metadata,
            directory_metadata=builder.directory_metadata,
            direct_metadata=self.direct_metadata,
        )

    def fetcher(self) -> Fetcher:
        """Make what fetches files."""
        return Fetcher(
            store=self.store,
            client=self.client,
            accept_bad_record=self.manifest.install.accept_bad_record,
            emit=self.emit,
        )

    def bring(self, file: Wheel | Sdist | ListedFile | Archive, folder: str) -> str:
        """Bring a file into ``folder`` under its own name, verified."""
        return self.fetcher().bring(file, folder)

    def checkouts(self) -> Checkouts:
        """Make what fetches commits of repositories."""
        return Checkouts(git=self.git, store=self.store, emit=self.emit)

    def direct_metadata(self, name: str, artifact: Archive | Checkout) -> Metadata:
        """Tell the metadata of a direct source: what it states, else by a build.

        Raises:
            BuildError: `build-not-allowed` when only a build could tell and none is allowed; `build-failed`.
            UpstreamError, InputError: as fetching and reading do.
        """
        if isinstance(artifact, Archive) and artifact.is_wheel:
            return self._wheel_metadata(name, artifact)
        builder = self.builder()
        stated = self._stated_metadata(artifact)
        if stated is None:
            return builder.direct_metadata(name, artifact)
        self._foretell(builder, name, artifact)
        return stated

    def _stated_metadata(self, artifact: Archive | Checkout) -> Metadata | None:
        if isinstance(artifact, Checkout):
            return self.checkouts().stated_metadata(artifact)
        with self.fetcher().archives.open(artifact) as folder:
            return read_unpacked(folder, format_origin(artifact))

    def _foretell(self, builder: Builder, name: str, artifact: Archive | Checkout) -> None:
        """Say beforehand that what is resolved now cannot be built later."""
        try:
            builder.require_permission_for(name, artifact)
        except BuildError as error:
            self.emit(Notice("warning", error.code, error.message, error.hints))

    def _wheel_metadata(self, name: str, archive: Archive) -> Metadata:
        pin = pin_wheel(name, archive)
        entry = self._find_stored([pin]).get(name) or self.obtain([pin])[name]
        with open(os.path.join(entry.tree, "site", str(entry.about["info"]), "METADATA"), "rb") as file:
            return parse_metadata(file.read(), where=format_origin(archive))

    def _open_tree(self, artifact: Archive | Checkout) -> AbstractContextManager[str]:
        if isinstance(artifact, Checkout):
            return self.checkouts().open(artifact)
        return self.fetcher().archives.open(artifact)

    def builder(self) -> Builder:
        """Make what builds source trees and distributions."""
        return Builder(
            store=self.store,
            settings=self.manifest.build,
            inputs=self.manifest.build_inputs,
            interpreter=self.interpreter,
            environ=self.context.settings.environ,
            jobs=Jobs(
                store=self.store,
                settings=self.manifest.build,
                environ=self.context.settings.environ,
                furnish=self._furnish,
                emit=self.emit,
                processes=self.processes,
                keeps_logs=not self.context.settings.no_cache,
            ),
            fetch_sdist=self.bring,
            open_tree=self._open_tree,
            emit=self.emit,
            chain=self.chain,
        )

    def _furnish(self, project: str, requirements: Sequence[Requirement], folder: str) -> Workshop:
        """Lay an isolated environment at ``folder`` with what a backend asks for, to build ``project``."""
        context = replace(self.context, emit=tell_for(project, self.emit))
        inner = replace(self, context=context, chain=(*self.chain, project))
        pins = inner.choose_tools(requirements, choose_target(self.interpreter))
        sources = self.manifest.build_inputs.sources
        origins = {pin.name: describe_origin(sources.get(pin.name)) for pin in pins}
        stored = self._find_stored([pin for pin in pins if not self.anew or as_wheel(pin.artifact)])
        found = {**stored, **inner.obtain([pin for pin in pins if pin.name not in stored])}
        return lay_workshop(
            [(pin, found[pin.name]) for pin in pins],
            folder,
            origins=origins,
            interpreter=self.interpreter,
            store=self.store,
            settings=self.context.settings,
        )

    def choose_tools(self, requirements: Sequence[Requirement], target: Target) -> Sequence[Pin]:
        """Choose what builds require on a target: its source, or a wheel of each project where there is one.

        Raises:
            ResolutionError (`direct-url-refused`), UpstreamError, InputError; BuildError: `no-build-tool`,
                `build-cycle`.
        """
        if not requirements:
            return ()
        request = request_for(
            take_out_urls(requirements, self.sources, target, where=self.chain[-1] if self.chain else None),
            by="build-system.requires",
            direct=self.sources,
            constraints=self.manifest.build.constraints,
            permission=permission_from(self.manifest.build),
        )
        solved = solve(request, target, self.catalog(), self.emit)
        (resolution,) = add_digests([solved], self.client.digests, self.emit)
        return [
            Pin(name=each.name, version=each.version, artifact=_build_tool(each.name, each.artifacts, target))
            for each in resolution.packages.values()
        ]

    def _find_stored(self, pins: Sequence[Pin]) -> Mapping[str, Entry]:
        """Take from the store what is there; a wheel whose RECORD is wrong is left to who fetches it."""
        environ, inputs = self.context.settings.environ, self.manifest.build_inputs
        places = find_places(self.store, pins, inputs, self.interpreter, environ)
        entries = dict(zip(places, self.store.get_all(list(places.values())), strict=True))
        return {
            name: entry
            for name, entry in entries.items()
            if entry is not None and not entry.about.get("record_faults")
        }


#: How the summary of work that is done for a build goes on.
_FOR = " for building "


def tell_for(project: str, emit: Emit) -> Emit:
    """Say in the summary of each phase which project it is needed to build: the innermost, of several."""

    def tell(event: Event) -> None:
        if isinstance(event, Ended) and event.summary and _FOR not in event.summary:
            event = Ended(event.phase, f"{event.summary}{_FOR}{project}")
        emit(event)

    return tell


def _build_tool(name: str, artifacts: Sequence[Artifact], target: Target) -> Artifact:
    """Choose what a build tool comes from: a wheel, else an sdist, whose build must be allowed, too."""
    wheels = [artifact for artifact in artifacts if isinstance(artifact, Wheel)]
    wheel = choose_wheel(wheels, target)
    source = next((artifact for artifact in artifacts if not isinstance(artifact, Wheel)), None)
    chosen = wheel or source
    if chosen is None:
        raise BuildError("no-build-tool", f"`{name}` is needed to build and has no wheel for {target.label}")
    return chosen
