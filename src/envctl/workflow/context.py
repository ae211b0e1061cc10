"""What every use case is given: where it runs, machine settings, and the one channel for events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from envctl.frozen import dataclass
from envctl.memo import Memo
from envctl.model.events import Emit
from envctl.model.settings import Settings

if TYPE_CHECKING:
    # Named here, and loaded by those commands alone that come to need them.
    from envctl.lock.lock import Lock
    from envctl.manifest.manifest import Manifest
    from envctl.model.artifact import Artifact
    from envctl.model.interpreter import Interpreter
    from envctl.model.selection import Pin
    from envctl.model.state import State
    from envctl.model.target import Target
    from envctl.plan.goal import Goal
    from envctl.resolve.port import Catalog, Project
    from envctl.store.entry import Entry
    from envctl.store.store import Store
    from envctl.workflow.basis import Basis
    from envctl.workflow.results import PlanOptions

#: Whose locked versions may move freely: normalised names, or None for all.
Released = frozenset[str] | None


class Remote(Protocol):
    """What may need the network or a build. Made only when a command comes to need it, for its weight."""

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
        """Resolve the manifest's lists into a lock for ``targets``, which are in the order to solve in.

        Versions of the ``old`` lock stay where they fit, but for those that are ``released``. Raises
        ResolutionError, UpstreamError, BuildError.
        """

    def settle(
        self, manifest: Manifest, direct: Mapping[str, Artifact], lock: Lock
    ) -> Mapping[str, Artifact]:
        """Return ``direct`` with what the manifest and a lock of it have from elsewhere; the lock's counts.

        Raises UpstreamError where the lock does not say it.
        """

    def basis(self) -> Basis | None:
        """Return what the lock was resolved from, None where that was more than records of the cache."""

    def catalog(self) -> Catalog:
        """Return what exists, for who asks about single releases."""

    def projects(self, name: str) -> Sequence[Project]:
        """Return a project from every index that may serve it and has it; the first is the one that does.

        An index that claims the name, or that it is pinned to, is the only one asked. Raises UpstreamError.
        """

    def obtain(self, pins: Sequence[Pin], *, anew: Collection[str] = ()) -> Mapping[str, Entry]:
        """Fetch or build the wheels of pins into the store, verified; by project name.

        Tools of builds are chosen anew, and of those in ``anew`` the tools of tools as well.

        Raises UpstreamError, BuildError, MachineError.
        """

    def compile(self, entries: Sequence[Entry]) -> Mapping[str, Entry]:
        """Compile entries into the store, and wait for it; the bytecode by the entry's key.

        Raises MachineError.
        """

    def close(self) -> None:
        """Drop connections and temporary files."""


#: Makes the remote side of one run: settings, manifest, interpreter and store are given then.
MakeRemote = Callable[["Context", "Manifest", "Interpreter", "Store"], Remote]


class Reader(Protocol):
    """What reads manifest and lock. Loaded only where no goal of an earlier run fits, for its weight."""

    def read_manifest(self, context: Context) -> Manifest:
        """Read the manifest. Raises InputError with all that is wrong with it."""

    def find_place(self, context: Context) -> Place:
        """Say which environment is meant. Raises InputError: as reading does, and `unknown-environment`."""

    def read_goal(self, run: Run, options: PlanOptions) -> tuple[Goal, State]:
        """Read what is wanted, look at what is there, and resolve where the lock does not fit.

        Raises InputError, MachineError, CheckError, ResolutionError, UpstreamError, BuildError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The setting of one command.

    ``directory`` is the working folder after ``-C``, absolute; ``manifest`` the file given by ``-f``, or
    None to look for ``env.toml`` upwards; ``environment`` the name given by ``-e``, or None.
    ``make_remote`` is called at most once, by what needs the network or a build; ``reader`` by what has to
    read the manifest.
    """

    directory: str
    manifest: str | None
    environment: str | None
    settings: Settings
    emit: Emit
    make_remote: MakeRemote
    reader: Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An environment's folder and the manifest that declares it, both absolute.

    ``switch`` is what the manifest says of how generations change places; ``lock`` the path of its lock, None
    where there is no manifest yet.
    """

    environment: str
    manifest: str
    switch: str = "auto"
    lock: str | None = None


class Run:
    """The things of one command that are made late: the store, and the remote side at first use."""

    def __init__(self, context: Context, store: Store) -> None:
        self.context = context
        self.store = store
        self._remote: Remote | None = None

    def remote(self, interpreter: Interpreter, manifest: Manifest | None = None) -> Remote:
        """Return the remote side, made at the first call; the manifest is read where it is not at hand."""
        if self._remote is None:
            if manifest is None:
                manifest = self.context.reader.read_manifest(self.context)
            self._remote = self.context.make_remote(self.context, manifest, interpreter, self.store)
        return self._remote

    def close(self) -> None:
        """Drop what was made."""
        if self._remote is not None:
            self._remote.close()


def open_memo(settings: Settings) -> Memo:
    """Open what earlier runs on this machine found out."""
    return Memo(settings.cache_dir, enabled=not settings.no_cache)
