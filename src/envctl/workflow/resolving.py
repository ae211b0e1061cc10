"""One resolution a target, each preferring what the old lock and the targets before it chose.

Versions of the old lock come first, those that it chose for the same target before all others; then
what the targets before chose in this run. A preference is only an order in which releases are tried,
so that it makes nothing unsolvable, and a lock made again from its own versions is the same lock.

A marker may hold for some patch versions of a Python only (``python_full_version < '3.11.3'``). Where one
counts, the Python is cut there, for all platforms, and all is solved again.

Groups and extras that conflict are left out of each other's resolutions (`envctl.workflow.forks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from packaging.version import Version

from envctl.errors import ResolutionError
from envctl.frozen import dataclass, replace
from envctl.lock.freshness import covers, preferences
from envctl.lock.lock import Lock
from envctl.manifest.conflicts import Conflicts, Fork, name_member
from envctl.model.artifact import Artifact, identify
from envctl.model.events import Advanced, Emit, Ended, Event, Notice, Phase, Started
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.resolve.answers import Recall, forget
from envctl.resolve.direct import Undiscovered
from envctl.resolve.files import Yardstick
from envctl.resolve.listing import Shelf
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.request import Reference, Request
from envctl.resolve.solve import solve, summarise
from envctl.workflow.context import Released
from envctl.workflow.forks import Forks, resolve_forks
from envctl.workflow.patches import Cuts, cut_targets, find_cuts, is_about_patches, minor_of
from envctl.workflow.tolerate import find_orphans, tell, tolerate

#: Tells what a direct reference stands for that the source tree of a project has, whose name is given too.
Discover = Callable[[Reference, str], Artifact]


class SharedCatalog:
    """A catalog that is asked each thing once by all targets of a run, and knows what they were told."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._projects: dict[str, Project | None] = {}
        self._metadata: dict[tuple[str, str], Metadata] = {}

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        if name not in self._projects:
            self._projects[name] = self._catalog.project(name)
        return self._projects[name]

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """See `Catalog.metadata`."""
        key = (name, _place(artifact))
        if key not in self._metadata:
            self._metadata[key] = self._catalog.metadata(name, version, artifact)
        return self._metadata[key]

    def prefetch(self, names: Iterable[str]) -> None:
        """See `Catalog.prefetch`."""
        self._catalog.prefetch(name for name in names if name not in self._projects)

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """See `Catalog.prefetch_metadata`."""
        if (name, file.url) not in self._metadata:
            self._catalog.prefetch_metadata(name, file)

    def near_names(self, name: str) -> Sequence[str]:
        """See `Catalog.near_names`."""
        return self._catalog.near_names(name)

    def is_known(self, name: str, artifact: ListedFile | Artifact) -> bool:
        """Whether the metadata of an artifact was told already."""
        return (name, _place(artifact)) in self._metadata

    def conditional(self) -> Mapping[str, tuple[Metadata, ...]]:
        """Return what was told of each project that has a marker about patch versions."""
        found: dict[str, tuple[Metadata, ...]] = {}
        for (name, _), metadata in self._metadata.items():
            if any(is_about_patches(requirement.marker_text) for requirement in metadata.requirements):
                found[name] = (*found.get(name, ()), metadata)
        return found


def _place(artifact: ListedFile | Artifact) -> str:
    return artifact.url if isinstance(artifact, ListedFile) else identify(artifact)


def resolve_targets(
    request: Request,
    targets: Sequence[Target],
    catalog: Catalog,
    emit: Emit,
    *,
    old: Lock | None,
    released: Released,
    tolerant: bool = False,
    recall: Recall = forget,
    find_places: Callable[[], Mapping[str, str]] = dict,
    elsewhere: Callable[[str, str | None], Sequence[Project]] = lambda *_: (),
    conflicts: Conflicts | None = None,
    discover: Discover | None = None,
) -> tuple[Resolution, ...]:
    """Resolve for each of ``targets``, in their order; more than one for a Python that had to be cut.

    With ``conflicts`` so is each fork. ``tolerant`` lets in releases that have no file for one of the
    targets, and tells of them. ``recall`` gives what is known of a target from other runs. ``find_places``
    is asked, when it fails, where constraints and overrides stand, by their texts, and ``elsewhere`` what
    other indexes than the one named have of a project. ``discover`` tells what a direct reference of a source
    tree stands for.

    Raises:
        ResolutionError: for the first target that has no solution, with what `solve` says.
        UpstreamError, BuildError: as `solve` does.
    """
    shared = SharedCatalog(catalog)
    emit(Started(Phase.RESOLVE))
    summary = ""
    try:
        run = _Run(
            request=request,
            catalog=shared,
            shelf=Shelf(shared, request.direct, recall),
            emit=_Quiet(emit),
            old=Old(old, released),
            tolerant=tolerant,
            find_places=find_places,
            elsewhere=elsewhere,
            conflicts=conflicts or Conflicts(),
            discover=discover,
        )
        done = _resolve_all(run, targets)
        for notice in tell(done):
            emit(notice)
        count = len({name for resolution in done for name in resolution.packages})
        summary = summarise(count)
        if len(targets) > 1:
            summary += f" for {len(targets)} targets"
    finally:
        emit(Ended(Phase.RESOLVE, summary))
    return done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all targets of a run share; of the ``request`` each fork takes its lists."""

    request: Request
    catalog: SharedCatalog
    shelf: Shelf
    emit: Emit
    old: Old
    tolerant: bool
    find_places: Callable[[], Mapping[str, str]]
    elsewhere: Callable[[str, str | None], Sequence[Project]]
    conflicts: Conflicts
    discover: Discover | None

    def knowing(self, met: Undiscovered) -> _Run:
        """Find out what a direct reference stands for that was met, and begin anew with it."""
        if self.discover is None:
            raise met
        reference, request = met.reference, self.request
        artifact = request.direct.get(reference.url) or self.discover(reference, met.by)
        direct = {**request.direct, reference.url: artifact}
        request = replace(request, direct=direct, references=(*request.references, reference))
        return replace(self, request=request, shelf=Shelf(self.catalog, direct, self.shelf.answers))


class _Cut(Exception):
    """Ends an attempt: a marker that counts does not hold for all patch versions of a Python."""

    def __init__(self, minor: str, patches: frozenset[int]) -> None:
        super().__init__(minor)
        self.minor = minor
        self.patches = patches


def _resolve_all(run: _Run, targets: Sequence[Target]) -> tuple[Resolution, ...]:
    cuts: Cuts = {}
    while True:
        refused: dict[str, ResolutionError] = {}
        try:
            done = resolve_forks(
                run.conflicts, partial(_resolve_fork, run, cut_targets(targets, cuts), refused)
            )
        except _Cut as cut:
            cuts = {**cuts, cut.minor: cuts.get(cut.minor, frozenset()) | cut.patches}
            continue
        except Undiscovered as met:
            run = run.knowing(met)
            continue
        for name in sorted(find_orphans(done)):
            raise refused[name]
        return done


def _resolve_fork(
    run: _Run, targets: Sequence[Target], refused: dict[str, ResolutionError], fork: Fork, forks: Forks
) -> tuple[Resolution, ...]:
    """Resolve one fork for all targets; ``forks`` are those before it, of which the nearest go first."""
    left_out = frozenset(run.conflicts.order) - fork
    run = replace(run, request=run.request.without(left_out))
    by_distance = groupby(
        sorted(forks, key=lambda other: -len(other & fork)), lambda other: len(other & fork)
    )
    nearest = [[forks[other] for other in several] for _, several in by_distance]
    done: list[Resolution] = []
    earlier: dict[str, str] = {}
    apart: dict[str, str] = {}  # of those, what cannot be as in the nearest fork
    for place, target in enumerate(targets):
        near = [_newest([other[place] for other in several], run.request) for several in nearest]
        others = [apart, *near, earlier]
        try:
            resolution = _resolve_or_tolerate(run, target, run.old.levels(target, others, left_out), refused)
        except ResolutionError as error:
            raise _name_fork(_advise(run, error, target, targets), fork) from error
        found = find_cuts(run.request, resolution, run.catalog.conditional(), run.shelf.answers(target))
        if found:
            raise _Cut(minor_of(target.floor), found)
        done.append(replace(resolution, fork=fork))
        versions = _versions(resolution)
        earlier |= versions
        if near:
            apart |= {
                name: version for name, version in versions.items() if near[0].get(name, version) != version
            }
    return tuple(done)


def _resolve_or_tolerate(
    run: _Run, target: Target, levels: Sequence[Mapping[str, str]], refused: dict[str, ResolutionError]
) -> Resolution:
    """Resolve; remembers in ``refused`` what was wrong with packages that have no file here."""

    def attempt(catalog: Catalog) -> Resolution:
        return _resolve(
            run.request, target, Shelf(catalog, run.request.direct, run.shelf.answers), run.emit, levels
        )

    try:
        return _resolve(run.request, target, run.shelf, run.emit, levels)
    except ResolutionError as error:
        found = None
        if run.tolerant:
            found = tolerate(error, attempt, run.catalog, Yardstick(run.request, target))
        if found is None:
            raise
        for name, package in found.packages.items():
            if not package.artifacts:
                refused.setdefault(name, _name_target(error, target, 0))
        return found


class Old:
    """The versions of the lock that was, without those that may move freely."""

    def __init__(self, lock: Lock | None, released: Released) -> None:
        self._lock = None if released is None else lock
        self._released = released or frozenset()
        self._anywhere = self._keep(preferences(self._lock))

    def levels(
        self, target: Target, others: Sequence[Mapping[str, str]], left_out: Fork
    ) -> tuple[Mapping[str, str], ...]:
        """Return what a target prefers, best first: its own, that of ``others`` in this run, that of others.

        Its own is what it had in the lock, without the lists that are ``left_out``.
        """
        near = self._keep(preferences(self._lock, target, left_out))
        own = near if self._lock is not None and covers(self._lock, target) else {}
        return own, *others, near, self._anywhere

    def _keep(self, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {name: version for name, version in versions.items() if name not in self._released}


def _resolve(
    request: Request, target: Target, shelf: Shelf, emit: Emit, levels: Sequence[Mapping[str, str]]
) -> Resolution:
    """Resolve with the best preference of each project; once more where it did not hold but another may."""
    own = levels[0]
    wishes: dict[str, list[str]] = {}
    for level in levels:
        for name, version in level.items():
            if version not in wishes.setdefault(name, []):
                wishes[name].append(version)
    best = _solve(request, target, shelf, emit, wishes)
    while True:
        versions = _versions(best)
        lost = {
            name
            for name, several in wishes.items()
            if len(several) > 1 and name in versions and versions[name] != several[0]
        }
        if not lost:
            return best
        wishes = {name: several[1:] if name in lost else several for name, several in wishes.items()}
        again = _solve(request, target, shelf, emit, wishes)
        # What another target chose never moves what this one had.
        moved = _versions(again)
        if any(versions.get(name) == version != moved.get(name) for name, version in own.items()):
            return best
        best = again


def _solve(
    request: Request, target: Target, shelf: Shelf, emit: Emit, wishes: Mapping[str, Sequence[str]]
) -> Resolution:
    preferred = {name: several[0] for name, several in wishes.items()}
    return solve(replace(request, preferences=preferred), target, shelf.catalog, emit, shelf=shelf)


def _versions(resolution: Resolution) -> dict[str, str]:
    return {name: package.version for name, package in resolution.packages.items() if package.version}


def _advise(run: _Run, error: ResolutionError, target: Target, cells: Sequence[Target]) -> ResolutionError:
    # Of no use to a run that succeeds, which should not pay for loading it.
    from envctl.workflow.advice import advise  # noqa: PLC0415 - the reason is above

    advised = advise(
        error,
        run.request,
        target,
        [other for other in cells if other is not target],
        catalog=run.catalog,
        is_known=run.catalog.is_known,
        places=run.find_places(),
        elsewhere=run.elsewhere,
    )
    return _name_target(advised, target, len(cells)) if len(cells) > 1 else advised


def _name_target(error: ResolutionError, target: Target, count: int) -> ResolutionError:
    """Add for which of ``count`` targets it is so: the one that was looked at, and those that fail alike."""
    also: tuple[str, ...] = getattr(error.conflict, "also", ())
    if len(also) + 1 == count:
        hint = f"this is so for all {count} targets"
    else:
        names = [target.label, *also]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        hint = f"this is so for {', '.join(names[:3])}{more}"
    return _hint(error, hint)


def _newest(resolutions: Sequence[Resolution], request: Request) -> dict[str, str]:
    """Return the newest version of each project, the oldest where those are preferred."""
    several: dict[str, set[str]] = {}
    for resolution in resolutions:
        for name, version in _versions(resolution).items():
            several.setdefault(name, set()).add(version)
    best = min if request.resolution == "lowest" else max
    return {
        name: best(versions, key=Version) if len(versions) > 1 else versions.pop()
        for name, versions in several.items()
    }


def _name_fork(error: ResolutionError, fork: Fork) -> ResolutionError:
    if not fork:
        return error
    return _hint(error, f"of the lists that conflict this has {', '.join(map(name_member, sorted(fork)))}")


def _hint(error: ResolutionError, text: str) -> ResolutionError:
    return ResolutionError(
        error.code,
        error.message,
        where=error.where,
        hints=(*error.hints, text),
        conflict=error.conflict,
    )


class _Quiet:
    """Passes events on, but a phase that begins and ends for each target, and what was said before."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._said: set[Event] = set()

    def __call__(self, event: Event) -> None:
        match event:
            case Started(phase=Phase.RESOLVE) | Ended(phase=Phase.RESOLVE):
                return
            case Notice() | Advanced(phase=Phase.RESOLVE):
                if event in self._said:
                    return
                self._said.add(event)
            case _:
                pass
        self._emit(event)
