"""One resolution a target, each preferring what the old lock and the targets before it chose.

Versions of the old lock come first, those that it chose for the same target before all others; then
what the targets before chose in this run. A preference is only an order in which releases are tried,
so that it makes nothing unsolvable, and a lock made again from its own versions is the same lock.

A marker may hold for some patch versions of a Python only (``python_full_version < '3.11.3'``). Where one
counts, the Python is cut there, for all platforms, and all is solved again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from packaging.markers import Marker
from packaging.version import Version

from envctl.errors import ResolutionError
from envctl.lock.freshness import covers, preferences
from envctl.lock.lock import Lock
from envctl.model.artifact import Artifact
from envctl.model.events import Advanced, Emit, Ended, Event, Notice, Phase, Started
from envctl.model.resolution import Resolution
from envctl.model.target import Target
from envctl.model.targets import move_floor, sort_targets
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.request import Request
from envctl.resolve.solve import solve
from envctl.workflow.context import Released

#: Cuts of a Python, by minor version: the first patch version of each part but the lowest.
Cuts = Mapping[str, frozenset[int]]

_PATCH_MARKERS = ("python_full_version", "implementation_version")


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

    def conditional(self) -> Mapping[str, tuple[Metadata, ...]]:
        """Return what was told of each project that has a marker about patch versions."""
        found: dict[str, tuple[Metadata, ...]] = {}
        for (name, _), metadata in self._metadata.items():
            if any(_is_about_patches(requirement.marker) for requirement in metadata.requirements):
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
) -> tuple[Resolution, ...]:
    """Resolve for each of ``targets``, in their order; more than one for a Python that had to be cut.

    Raises:
        ResolutionError: for the first target that has no solution, with what `solve` says.
        UpstreamError, BuildError: as `solve` does.
    """
    shared = SharedCatalog(catalog)
    emit(Started(Phase.RESOLVE))
    summary = ""
    try:
        done = _resolve_all(request, targets, shared, _Quiet(emit), Old(old, released))
        count = len({name for resolution in done for name in resolution.packages})
        summary = f"Resolved {count} packages"
        if len(targets) > 1:
            summary += f" for {len(targets)} targets"
    finally:
        emit(Ended(Phase.RESOLVE, summary))
    return done


def _resolve_all(
    request: Request, targets: Sequence[Target], catalog: SharedCatalog, emit: Emit, old: Old
) -> tuple[Resolution, ...]:
    cuts: Cuts = {}
    while True:
        done: list[Resolution] = []
        earlier: dict[str, str] = {}
        for target in cut_targets(targets, cuts):
            try:
                resolution = _resolve(request, target, catalog, emit, old.levels(target, earlier))
            except ResolutionError as error:
                raise _name_target(error, target) if len(targets) > 1 else error from error
            found = find_cuts(request, resolution, catalog.conditional())
            if found:
                minor = _minor(target.floor)
                cuts = {**cuts, minor: cuts.get(minor, frozenset()) | found}
                break
            done.append(resolution)
            earlier |= _versions(resolution)
        else:
            return tuple(done)


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
    request: Request, target: Target, catalog: Catalog, emit: Emit, levels: Sequence[Mapping[str, str]]
) -> Resolution:
    """Resolve with the best preference of each project; once more where it did not hold but another may."""
    own = levels[0]
    wishes: dict[str, list[str]] = {}
    for level in levels:
        for name, version in level.items():
            if version not in wishes.setdefault(name, []):
                wishes[name].append(version)
    best = _solve(request, target, catalog, emit, wishes)
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
        again = _solve(request, target, catalog, emit, wishes)
        # What another target chose never moves what this one had.
        moved = _versions(again)
        if any(versions.get(name) == version != moved.get(name) for name, version in own.items()):
            return best
        best = again


def _solve(
    request: Request, target: Target, catalog: Catalog, emit: Emit, wishes: Mapping[str, Sequence[str]]
) -> Resolution:
    preferred = {name: several[0] for name, several in wishes.items()}
    return solve(replace(request, preferences=preferred), target, catalog, emit)


def _versions(resolution: Resolution) -> dict[str, str]:
    return {name: package.version for name, package in resolution.packages.items() if package.version}


def _name_target(error: ResolutionError, target: Target) -> ResolutionError:
    return ResolutionError(
        error.code,
        error.message,
        where=error.where,
        hints=(*error.hints, f"this is so for {target.name} with Python {target.python}"),
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


# Patch versions ----------------------------------------------------------------------------------


def cut_targets(targets: Sequence[Target], cuts: Cuts) -> tuple[Target, ...]:
    """Cut whole minor versions at their cuts; the parts stand in the order that targets are solved in."""
    result = []
    for target in targets:
        minor = _minor(target.floor)
        borders = sorted(cuts.get(minor, ())) if target.floor != target.ceiling else []
        floors = [target.floor, *(f"{minor}.{patch}" for patch in borders)]
        ceilings = [*(f"{minor}.{patch - 1}" for patch in borders), target.ceiling]
        result += [
            move_floor(target, floor, ceiling) for floor, ceiling in zip(floors, ceilings, strict=True)
        ]
    return sort_targets(result) if cuts else tuple(targets)


def find_cuts(
    request: Request, resolution: Resolution, conditional: Mapping[str, Sequence[Metadata]]
) -> frozenset[int]:
    """Find where a marker that counts in a resolution changes its answer within the target's patch versions.

    ``conditional`` has the metadata in which there are such markers.
    """
    target = resolution.target
    if target.floor == target.ceiling:
        return frozenset()
    markers = [*_markers_of_lists(request)]
    for name, several in conditional.items():
        package = resolution.packages.get(name)
        for metadata in several if package is not None else ():
            if package is not None and package.version in {None, str(metadata.version)}:
                extras = ("", *sorted(package.extras))
                markers += [
                    (one.marker, extras) for one in metadata.requirements if _is_about_patches(one.marker)
                ]
    return frozenset(cut for marker, extras in markers for cut in _cuts_of(marker, extras, target))


def _markers_of_lists(request: Request) -> Iterable[tuple[Marker | None, Sequence[str]]]:
    lists = (request.base, *request.groups.values(), *request.extras.values())
    requirements = [asked.requirement for several in lists for asked in several]
    for requirement in (*requirements, *request.constraints, *request.overrides):
        if _is_about_patches(requirement.marker):
            yield requirement.marker, ("",)


def _cuts_of(marker: Marker | None, extras: Sequence[str], target: Target) -> Iterable[int]:
    """Yield the first patch version of each part but the lowest in which a marker is of one mind."""
    minor = _minor(target.floor)
    first, last = _patch(target.floor), _patch(target.ceiling)
    text = str(marker)
    named = {int(patch) for patch in re.findall(rf"['\"]{re.escape(minor)}\.(\d+)", text)}
    # Between what a marker names and its neighbours its answer cannot change.
    places = sorted(
        {first, *(place for patch in named for place in (patch, patch + 1) if first < place <= last)}
    )
    for extra in extras:
        answers = [_holds(marker, target, f"{minor}.{place}", extra) for place in places]
        for place, before, answer in zip(places[1:], answers, answers[1:], strict=False):
            if before != answer:
                yield place


def _holds(marker: Marker | None, target: Target, version: str, extra: str) -> bool:
    markers = {**move_floor(target, version, version).markers, "extra": extra}
    return marker is None or marker.evaluate(markers)


def _is_about_patches(marker: Marker | None) -> bool:
    return marker is not None and any(name in str(marker) for name in _PATCH_MARKERS)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _patch(version: str) -> int:
    return int(re.findall(r"\d+", version)[2])
