"""One resolution a target, each preferring what the old lock and the targets before it chose.

Versions of the old lock come first, those that it chose for the same target before all others; then
what the targets before chose in this run. A preference is only an order in which releases are tried,
so that it makes nothing unsolvable, and a lock made again from its own versions is the same lock.

A marker may hold for some patch versions of a Python only (``python_full_version < '3.11.3'``). Where one
counts, the Python is cut there, for all platforms, and all is solved again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from packaging.version import Version

from envctl.errors import ResolutionError
from envctl.frozen import dataclass, replace
from envctl.lock.freshness import covers, preferences
from envctl.lock.lock import Lock
from envctl.model.artifact import Artifact
from envctl.model.events import Advanced, Emit, Ended, Event, Notice, Phase, Started
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.resolve.answers import Recall, forget
from envctl.resolve.files import Yardstick
from envctl.resolve.listing import Shelf
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.request import Request
from envctl.resolve.solve import solve
from envctl.workflow.context import Released
from envctl.workflow.patches import Cuts, cut_targets, find_cuts, is_about_patches, minor_of
from envctl.workflow.tolerate import find_orphans, tell, tolerate


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
        key = (name, artifact.url if isinstance(artifact, ListedFile) else "")
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
        return (name, artifact.url if isinstance(artifact, ListedFile) else "") in self._metadata

    def conditional(self) -> Mapping[str, tuple[Metadata, ...]]:
        """Return what was told of each project that has a marker about patch versions."""
        found: dict[str, tuple[Metadata, ...]] = {}
        for (name, _), metadata in self._metadata.items():
            if any(is_about_patches(requirement.marker_text) for requirement in metadata.requirements):
                found[name] = (*found.get(name, ()), metadata)
        return found


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
) -> tuple[Resolution, ...]:
    """Resolve for each of ``targets``, in their order; more than one for a Python that had to be cut.

    ``tolerant`` lets in releases that have no file for one of the targets, and tells of them. ``recall``
    gives what is known of a target from other runs. ``find_places`` is asked, when it fails, where
    constraints and overrides stand, by their texts, and ``elsewhere`` what other indexes than the one named
    have of a project.

    Raises:
        ResolutionError: for the first target that has no solution, with what `solve` says.
        UpstreamError, BuildError: as `solve` does.
    """
    shared = SharedCatalog(catalog)
    emit(Started(Phase.RESOLVE))
    summary = ""
    try:
        shelf = Shelf(shared, request.direct, recall)
        run = _Run(request, shared, shelf, _Quiet(emit), Old(old, released), tolerant, find_places, elsewhere)
        done = _resolve_all(run, targets)
        for notice in tell(done):
            emit(notice)
        count = len({name for resolution in done for name in resolution.packages})
        summary = f"Resolved {count} packages"
        if len(targets) > 1:
            summary += f" for {len(targets)} targets"
    finally:
        emit(Ended(Phase.RESOLVE, summary))
    return done


@dataclass(frozen=True, slots=True)
class _Run:
    """What all targets of a run share."""

    request: Request
    catalog: SharedCatalog
    shelf: Shelf
    emit: Emit
    old: Old
    tolerant: bool
    find_places: Callable[[], Mapping[str, str]]
    elsewhere: Callable[[str, str | None], Sequence[Project]]


def _resolve_all(run: _Run, targets: Sequence[Target]) -> tuple[Resolution, ...]:
    cuts: Cuts = {}
    while True:
        done: list[Resolution] = []
        refused: dict[str, ResolutionError] = {}
        earlier: dict[str, str] = {}
        cells = cut_targets(targets, cuts)
        for target in cells:
            try:
                resolution = _resolve_or_tolerate(run, target, run.old.levels(target, earlier), refused)
            except ResolutionError as error:
                raise _advise(run, error, target, cells) from error
            found = find_cuts(run.request, resolution, run.catalog.conditional(), run.shelf.answers(target))
            if found:
                minor = minor_of(target.floor)
                cuts = {**cuts, minor: cuts.get(minor, frozenset()) | found}
                break
            done.append(resolution)
            earlier |= _versions(resolution)
        else:
            for name in sorted(find_orphans(done)):
                raise refused[name]
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

    def levels(self, target: Target, earlier: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
        """Return what a target prefers, best first: its own, that of earlier targets, that of others."""
        near = self._keep(preferences(self._lock, target))
        own = near if self._lock is not None and covers(self._lock, target) else {}
        return own, earlier, near, self._anywhere

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
        names = [f"{target.name} with Python {target.python}", *also]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        hint = f"this is so for {', '.join(names[:3])}{more}"
    return ResolutionError(
        error.code, error.message, where=error.where, hints=(*error.hints, hint), conflict=error.conflict
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
