"""What fetches and builds in a run, with the concrete adapters joined.

Heavy (archives, subprocesses, temporary folders): loaded only by a command that comes to need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from queue import Empty, SimpleQueue

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from envctl import atomic
from envctl.build.process import Processes
from envctl.errors import BuildError, UpstreamError
from envctl.frozen import dataclass, field, replace
from envctl.index.client import IndexClient
from envctl.index.metadata import parse_metadata
from envctl.index.pool import Pool
from envctl.lock.choose import choose_wheel
from envctl.manifest.manifest import Manifest
from envctl.manifest.references import Located
from envctl.model.artifact import Archive, Artifact, Checkout, Sdist, Wheel, format_origin
from envctl.model.events import Advanced, Emit, Ended, Event, Grew, Notice, Phase, Started
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.target import Target, choose_target
from envctl.resolve.port import ListedFile, Metadata
from envctl.resolve.request import permission_from, request_for
from envctl.resolve.solve import solve
from envctl.store.entry import Entry
from envctl.store.room import take_up
from envctl.store.store import Store
from envctl.vcs.command import Git
from envctl.wheel.unpack import Unpacked, unpack
from envctl.workflow.archives import Archives, read_unpacked
from envctl.workflow.building import Builder
from envctl.workflow.catalog import JoinedCatalog
from envctl.workflow.checkouts import Checkouts, make_git
from envctl.workflow.compiling import compile_entries
from envctl.workflow.context import Context, Remote
from envctl.workflow.digests import add_digests
from envctl.workflow.keys import WHEELS, as_wheel, entry_place, wheel_key
from envctl.workflow.origins import file_name
from envctl.workflow.resolver import Resolver
from envctl.workflow.workbench import Workshop, lay_workshop

#: Downloads in flight; more gains nothing on one connection pool and starves small machines.
WORKERS = 8

#: Seconds in which builds that were ended have to be gone.
PATIENCE = 10.0


def make_remote(context: Context, manifest: Manifest, interpreter: Interpreter, store: Store) -> Remote:
    """Make the remote side of one run."""
    return Resolver(context, manifest, interpreter, store, make_adapters)


def make_adapters(
    context: Context, manifest: Manifest, interpreter: Interpreter, store: Store, client: IndexClient
) -> Adapters:
    """Make what fetches and builds in one run."""
    return Adapters(
        context=context,
        manifest=manifest,
        interpreter=interpreter,
        store=store,
        client=client,
        git=make_git(context.settings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """What fetches and builds in one run; see `Remote` for what it does.

    ``chain`` names the projects that are being built, each for the one before it.
    """

    context: Context
    manifest: Manifest
    interpreter: Interpreter
    store: Store
    client: IndexClient
    git: Git
    processes: Processes = field(default_factory=Processes)
    chain: tuple[str, ...] = ()

    @property
    def emit(self) -> Emit:
        """The channel for events."""
        return self.context.emit

    def obtain(self, pins: Sequence[Pin]) -> Mapping[str, Entry]:
        """See `Remote.obtain`. Large files first, so that the last to arrive is a small one."""
        wheels = [pin for pin in pins if as_wheel(pin.artifact) is not None]
        found = self._fetch_wheels(sorted(wheels, key=lambda pin: -(_size(pin) or 0)))
        return {**found, **self._build([pin for pin in pins if pin.name not in found])}

    def compile(self, entries: Sequence[Entry]) -> Mapping[str, Entry]:
        """See `Remote.compile`."""
        return compile_entries(self.store, entries, self.interpreter, self.emit)

    def _fetch_wheels(self, pins: Sequence[Pin]) -> dict[str, Entry]:
        if not pins:
            return {}
        self.emit(Started(Phase.DOWNLOAD, sum(_size(pin) or 0 for pin in pins), "bytes"))
        self.emit(Started(Phase.UNPACK, len(pins)))
        sizes = [_size(pin) or 0 for pin in pins]
        # No file is smaller unpacked, and the last of them has to be there packed, too.
        self.store.require_room(_what(pins), size=sum(sizes) + min(sizes), inodes=len(pins))
        # After a failure, or Ctrl-C, nobody waits for what is under way: its threads are daemons, which end
        # with the process, and the next run clears away from the store what they wrote.
        pool = Pool(WORKERS)
        try:
            found = dict(_gather(pool, pins, self._fetch_wheel))
        finally:
            pool.close()
        amount = f"{len(pins)} package{'s' if len(pins) > 1 else ''}"
        self.emit(Ended(Phase.DOWNLOAD, f"Downloaded {amount}"))
        self.emit(Ended(Phase.UNPACK, f"Unpacked {amount}"))
        return found

    def _build(self, pins: Sequence[Pin]) -> dict[str, Entry]:
        """Build as many at a time as there are cores; what another build needs, one after the other."""
        builder = self.builder()
        if len(pins) < 2 or self.chain:
            return {pin.name: builder.build(pin) for pin in pins}
        pool = Pool(min(len(pins), os.cpu_count() or 1))
        try:
            found = dict(_gather(pool, pins, builder.build))
        except BaseException:
            # Of a failure the first is told; the backends that still run are ended, and tidied up after.
            self.processes.stop()
            self.git.running.stop()
            pool.close(patience=PATIENCE)
            raise
        pool.close()
        return found

    def _fetch_wheel(self, pin: Pin) -> Entry:
        wheel = as_wheel(pin.artifact)
        assert wheel is not None  # noqa: S101 - the caller chose it
        return self._keep_wheel(pin, wheel, partial(self.bring, wheel))

    def _keep_wheel(self, pin: Pin, wheel: Wheel | Archive, bring: Callable[[str], str]) -> Entry:
        """Unpack a wheel into the store; ``bring`` puts it into a folder, and it is removed from there."""
        filename = wheel.filename if isinstance(wheel, Wheel) else file_name(wheel.path or wheel.url or "")

        def produce(target: str) -> Unpacked:
            path = bring(os.path.dirname(target))
            try:
                return unpack(
                    path,
                    target,
                    filename=filename,
                    name=pin.name,
                    version=pin.version,
                    accept_bad_record=pin.name in self.manifest.install.accept_bad_record,
                    admit=partial(self._admit, filename),
                )
            finally:
                atomic.remove(path)

        entry = self.store.add(WHEELS, wheel_key(wheel), produce)
        self.emit(Advanced(Phase.UNPACK, 1, pin.name))
        # It may be there because another project lets its wrong RECORD in; this one has to do so itself.
        if entry.about.get("record_faults") and pin.name not in self.manifest.install.accept_bad_record:
            raise refuse_record(pin, filename, entry)
        return entry

    def _admit(self, filename: str, sizes: Sequence[int]) -> None:
        """Refuse to unpack what there is no room for. Raises MachineError: `no-space`."""
        self.store.require_room(f"`{filename}`, unpacked,", size=sum(map(take_up, sizes)), inodes=len(sizes))

    def bring(self, file: Wheel | Sdist | ListedFile | Archive, folder: str) -> str:
        """Bring a file into ``folder`` under its own name, verified."""
        if file.size is None:
            self.emit(Grew(Phase.DOWNLOAD, 0))
        filename = file_name(file.path or file.url or "") if isinstance(file, Archive) else file.filename

        def tell(amount: int) -> None:
            self.emit(Advanced(Phase.DOWNLOAD, amount, filename))

        if isinstance(file, Archive):
            return self.archives().bring(file, folder, tell)
        target = os.path.join(folder, filename)
        if isinstance(file, ListedFile):
            self.client.fetch(file.url, target, hashes=file.hashes, size=file.size, on_bytes=tell)
        else:
            self.client.fetch_locked(file, target, on_bytes=tell)
        return target

    def catalog(self) -> JoinedCatalog:
        """Make what tells what exists."""
        builder = self.builder()
        return JoinedCatalog(
            client=self.client,
            sdist_metadata=builder.sdist_metadata,
            directory_metadata=builder.directory_metadata,
            direct_metadata=self.direct_metadata,
        )

    def archives(self) -> Archives:
        """Make what fetches files of direct sources."""
        return Archives(client=self.client, store=self.store, emit=self.emit)

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
        with self.archives().open(artifact) as folder:
            return read_unpacked(folder, format_origin(artifact))

    def _foretell(self, builder: Builder, name: str, artifact: Archive | Checkout) -> None:
        """Say beforehand that what is resolved now cannot be built later."""
        try:
            builder.require_permission_for(name, artifact)
        except BuildError as error:
            self.emit(Notice("warning", error.code, error.message, error.hints))

    def settle_archive(self, name: str, located: Located) -> Archive:
        """Fetch a project's file from a URL into the store, and tell its digest and size.

        Raises:
            UpstreamError, MachineError: as fetching and unpacking do.
        """

        def keep(path: str, digest: str) -> None:
            wheel = Archive(url=located.url, hashes={"sha256": digest})
            self._keep_wheel(_pin_wheel(name, wheel), wheel, lambda _: path)

        is_wheel = Archive(url=located.url, hashes={}).is_wheel
        return self.archives().settle(located, keep if is_wheel else None)

    def _wheel_metadata(self, name: str, archive: Archive) -> Metadata:
        pin = _pin_wheel(name, archive)
        entry = self._find_stored([pin]).get(name) or self.obtain([pin])[name]
        with open(os.path.join(entry.tree, "site", str(entry.about["info"]), "METADATA"), "rb") as file:
            return parse_metadata(file.read(), where=format_origin(archive))

    def _open_tree(self, artifact: Archive | Checkout) -> AbstractContextManager[str]:
        if isinstance(artifact, Checkout):
            return self.checkouts().open(artifact)
        return self.archives().open(artifact)

    def builder(self) -> Builder:
        """Make what builds source trees and distributions."""
        return Builder(
            store=self.store,
            settings=self.manifest.build,
            inputs=self.manifest.build_inputs,
            interpreter=self.interpreter,
            environ=self.context.settings.environ,
            furnish=self._furnish,
            fetch_sdist=self.bring,
            open_tree=self._open_tree,
            emit=self.emit,
            processes=self.processes,
            keeps_logs=not self.context.settings.no_cache,
            chain=self.chain,
        )

    def _furnish(self, project: str, requirements: Sequence[Requirement], folder: str) -> Workshop:
        """Lay an isolated environment at ``folder`` with what a backend asks for, to build ``project``."""
        context = replace(self.context, emit=tell_for(project, self.emit))
        inner = replace(self, context=context, chain=(*self.chain, project))
        pins = inner.choose_tools(requirements, choose_target(self.interpreter))
        stored = self._find_stored(pins)
        found = {**stored, **inner.obtain([pin for pin in pins if pin.name not in stored])}
        return lay_workshop(
            [(pin, found[pin.name]) for pin in pins],
            folder,
            interpreter=self.interpreter,
            store=self.store,
            settings=self.context.settings,
        )

    def choose_tools(self, requirements: Sequence[Requirement], target: Target) -> Sequence[Pin]:
        """Choose what builds require on a target: a wheel of each project where there is one.

        Raises:
            ResolutionError, UpstreamError; BuildError: `no-build-tool`.
        """
        request = request_for(
            requirements,
            by="build-system.requires",
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
        environ = self.context.settings.environ
        inputs = self.manifest.build_inputs
        entries = {
            pin.name: self.store.get(*entry_place(pin, inputs, self.interpreter, environ)) for pin in pins
        }
        return {
            name: entry
            for name, entry in entries.items()
            if entry is not None and not entry.about.get("record_faults")
        }


def _gather(pool: Pool, pins: Sequence[Pin], work: Callable[[Pin], Entry]) -> Iterator[tuple[str, Entry]]:
    """Do all at once; yield each as it arrives, so that the first failure is the end."""
    arrived: SimpleQueue[str] = SimpleQueue()

    def bring(pin: Pin) -> Entry:
        try:
            return work(pin)
        finally:
            arrived.put(pin.name)

    pending = {pin.name: pool.submit(partial(bring, pin)) for pin in pins}
    while pending:
        try:
            name = arrived.get(timeout=0.5)  # without one, Windows would not hear Ctrl-C
        except Empty:
            continue
        yield name, pending.pop(name).wait()


#: How the summary of work that is done for a build goes on.
_FOR = " for building "


def tell_for(project: str, emit: Emit) -> Emit:
    """Say in the summary of each phase which project it is needed to build: the innermost, of several."""

    def tell(event: Event) -> None:
        if isinstance(event, Ended) and event.summary and _FOR not in event.summary:
            event = Ended(event.phase, f"{event.summary}{_FOR}{project}")
        emit(event)

    return tell


def refuse_record(pin: Pin, filename: str, entry: Entry) -> UpstreamError:
    """Say that a wheel's RECORD is wrong, and how it can be let in."""
    faults = entry.about.get("record_faults")
    first = str(faults[0]) if isinstance(faults, list) and faults else "it does not list what the wheel holds"
    return UpstreamError(
        "bad-record",
        f"the RECORD of `{filename}` is wrong: {first}",
        where=filename,
        hints=[f'`[install] accept-bad-record = ["{pin.name}"]` lets it in'],
    )


def _build_tool(name: str, artifacts: Sequence[Artifact], target: Target) -> Artifact:
    """Choose what a build tool comes from: a wheel, else an sdist, whose build must be allowed, too."""
    wheels = [artifact for artifact in artifacts if isinstance(artifact, Wheel)]
    wheel = choose_wheel(wheels, target)
    source = next((artifact for artifact in artifacts if not isinstance(artifact, Wheel)), None)
    chosen = wheel or source
    if chosen is None:
        raise BuildError("no-build-tool", f"`{name}` is needed to build and has no wheel for {target.label}")
    return chosen


def _what(pins: Sequence[Pin]) -> str:
    return f"what is to be fetched ({len(pins)} package{'s' if len(pins) > 1 else ''})"


def _pin_wheel(name: str, archive: Archive) -> Pin:
    """Make the pin of a wheel of a direct source: its version stands in its name.

    Raises:
        UpstreamError: `bad-wheel`.
    """
    filename = file_name(archive.path or archive.url or "")
    try:
        _, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        message = f"`{filename}` is not the name of a wheel: {error}"
        raise UpstreamError("bad-wheel", message, where=format_origin(archive)) from error
    return Pin(name=name, version=str(version), artifact=archive)


def _size(pin: Pin) -> int | None:
    return getattr(pin.artifact, "size", None)
