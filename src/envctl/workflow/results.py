"""What the use cases answer, as values; ``cli`` turns them into words, JSON and exit codes."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.lock.difference import LockChange
from envctl.model.state import Drift
from envctl.plan.change import Plan
from envctl.store.measure import Extent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envctl.environment.processes import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options that shape a plan.

    ``verify`` is ``stat`` or ``hash``; ``reinstall`` holds names; ``bundle`` is a file to take all from.
    """

    locked: bool = False
    from_lock: str | None = None
    adopt: bool = False
    bundle: str | None = None
    verify: str = "stat"
    reinstall: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestChange:
    """An entry of the list ``by`` (``env.toml``, ``group dev``) of a file: rewritten, added or removed.

    ``before`` is None for one that was added, ``after`` for one that was removed. The list may be ``sources``
    or ``python``, too.
    """

    path: str
    by: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The answer of ``lock``: ``fresh`` says it fitted before, ``written`` that the file was replaced."""

    path: str
    fresh: bool
    written: bool
    packages: int
    changes: tuple[LockChange, ...] = ()
    manifest_changes: tuple[ManifestChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLock:
    """One of two locks beside each other; ``revision`` as it was asked for, and its full ``commit``.

    Or a ``generation``: then ``path`` is that of the environment.
    """

    path: str
    packages: int
    revision: str | None = None
    commit: str | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFile:
    """A file that nobody's RECORD lists, and that one of two generations has: ``added`` or ``removed``."""

    path: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The answer of ``diff``. ``covered`` are targets and Pythons that only ``after`` is for.

    ``python`` (the versions, where they are different) and ``files`` are about generations.
    """

    before: ComparedLock
    after: ComparedLock
    changes: tuple[LockChange, ...] = ()
    covered: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    python: tuple[str | None, str | None] | None = None
    files: tuple[ComparedFile, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether both hold different things, or are for different machines or Pythons."""
        return bool(self.changes or self.covered or self.uncovered or self.python or self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer of ``apply``. ``outcome`` is ``applied``, ``nothing-to-do`` or ``already-applied``.

    ``running`` are processes that were seen to run from the environment that was replaced.
    """

    plan: Plan
    outcome: str
    generation: int | None
    lock_written: bool = False
    manifest_changes: tuple[ManifestChange, ...] = ()
    running: tuple[Process, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The answer of ``status``: offline, without resolving.

    ``lock`` is ``fits``, ``missing``, ``stale`` or ``not-locked-for``; ``environment`` is, held against the
    lock as it is, ``fits``, ``missing``, ``differs``, ``not-ours`` or, when there is no lock that it could
    fit, ``unknown``. ``pending`` says what a killed run left, for people. ``changes`` counts the lines a plan
    would have by that lock.
    """

    name: str
    path: str
    python: str | None
    generation: int | None
    lock: str
    environment: str
    changes: int = 0
    drift: tuple[Drift, ...] = ()
    pending: str | None = None

    @property
    def fits(self) -> bool:
        """Whether lock and environment are what the manifest wants and nothing is pending."""
        return self.lock == "fits" and self.environment == "fits" and self.pending is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One line of the history, newest first. ``kept`` says that rolling back to it is possible.

    ``changes`` are the packages whose version is another one than in what was live before, None where
    nothing was or nobody knows. ``size_bytes`` are all bytes of its files, ``own_bytes`` those that would be
    free without it; None for one that is gone. ``time`` is RFC 3339 in UTC. A number that became live more
    than once has a line for each time: all of them say whether it is ``kept``, and ``live`` marks the latest
    one of that in place.
    """

    number: int
    time: str
    command: str
    python: str
    packages: int
    live: bool
    kept: bool
    changes: Mapping[str, tuple[str | None, str | None]] | None = None
    size_bytes: int | None = None
    own_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """The answer of ``rollback``."""

    path: str
    before: int | None
    after: int
    packages: Mapping[str, tuple[str | None, str | None]]
    python: tuple[str | None, str | None] = (None, None)
    running: tuple[Process, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One installed distribution, for ``list``."""

    name: str
    version: str
    direct: bool
    foreign: bool
    source: str
    editable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPython:
    """One interpreter of this machine, for ``python list`` and ``find``.

    ``variant`` is ``free-threaded``, ``debug`` or both with a ``+``; ``manager`` who installed it, None where
    nothing tells. ``fits`` is whether it fits what is asked for, ``reason`` why not; None where nobody asks.
    """

    executable: str
    version: str
    implementation: str
    variant: str | None
    manager: str | None
    fits: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPython:
    """What ``python install`` did: ``outcome`` is ``installed``, or ``present`` when it was there already."""

    outcome: str
    version: str
    implementation: str
    variant: str | None
    executable: str
    path: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleReport:
    """What a bundle holds: for which targets and Pythons, how many packages and files; ``size`` is bytes."""

    path: str
    targets: tuple[str, ...]
    pythons: tuple[str, ...]
    packages: int
    files: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """What the cache holds, by bucket."""

    path: str
    buckets: Mapping[str, Extent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was deleted from the cache for one ``reason``, and the bytes that are free for it.

    ``litter`` of killed runs; ``outdated``: of an older version; ``damaged``; ``orphaned``: belonged to
    something that is gone; ``size``: longest not used. ``bucket`` is None for litter.
    """

    reason: str
    bucket: str | None
    count: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something in the cache that was not what was put in: an entry, of release ``name``, or an answer."""

    bucket: str
    key: str
    name: str | None
    fault: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The answer of ``cache prune``; the bytes left are its own, or shared with environments."""

    path: str
    removed: tuple[Removed, ...] = ()
    damaged: tuple[Damage, ...] = ()
    own_bytes: int = 0
    shared_bytes: int = 0

    @property
    def freed(self) -> int:
        """The bytes that are free now."""
        return sum(each.size for each in self.removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How ``run`` starts its command. ``remark`` is the one line about an environment that differs."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    remark: str | None = None
