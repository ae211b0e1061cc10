"""Solve once more under other conditions, only to learn whether that would work: bounded, and harmless.

Few conflicts, no builds, and no question to an index once the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy

from packaging.version import Version

from envctl.errors import EnvctlError
from envctl.model.artifact import Artifact
from envctl.model.target import Target
from envctl.resolve.facts import Ask, Conflict
from envctl.resolve.listing import Shelf, Unexplored
from envctl.resolve.port import Catalog, ListedFile, Metadata, Project
from envctl.resolve.pubgrub import prove
from envctl.resolve.reach import reach
from envctl.resolve.request import Request
from envctl.resolve.roots import distinct_wants, find_roots, picked_lowest
from envctl.resolve.statements import Refutation
from envctl.resolve.universe import Universe
from envctl.resolve.walk import walk
from envctl.resolve.want import Want

#: Seconds that a person who has just been told *no* waits gladly for what to do about it.
PATIENCE = 4.0
# A change that helps is found with few conflicts.
_CONFLICTS = 300


class Trial:
    """Tries requests of one run; what one of them asked of the catalog serves the others.

    ``is_known`` says whether the metadata of an artifact is at hand: of those that only a build could tell,
    no others are looked at. ``clock`` counts seconds.
    """

    def __init__(
        self,
        catalog: Catalog,
        direct: Mapping[str, Artifact],
        *,
        is_known: Callable[[str, ListedFile | Artifact], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._direct = direct
        self._known = Shelf(catalog, direct)
        self._bounded = _Bounded(catalog, is_known, clock)
        self._shelf = Shelf(self._bounded, direct)

    def instead(self, project: Project) -> Trial:
        """Return a trial within the same bounds for which another index serves a project."""
        other = copy(self)
        other._shelf = Shelf(_Instead(self._bounded, project), self._direct)  # noqa: SLF001 - it is one of us
        return other

    def look(self, request: Request, target: Target) -> Universe:
        """Return how a target sees a request, without bounds: for what is known already."""
        return Universe(request, target, self._known)

    def solve(self, request: Request, target: Target) -> Mapping[str, str] | None:
        """Return the version of each project in a solution; None when none was found within the bounds."""
        universe = Universe(request, target, self._shelf)
        try:
            wants = distinct_wants(find_roots(universe))
            picks = _solve(universe, wants)
            if isinstance(picks, Refutation):
                return None
            return {
                name: str(universe.listing(name).versions[picks[name]])
                for name in reach(universe, picks, wants)
            }
        except (EnvctlError, Unexplored):
            return None

    def fails_alike(self, request: Request, target: Target, conflict: Conflict) -> bool:
        """Whether the lists that are in conflict fail on another target, too, as far as can be told."""
        places = {(fact.by, fact.where) for fact in conflict.facts if isinstance(fact, Ask)}
        universe = Universe(request, target, self._shelf)
        try:
            roots = [root for root in find_roots(universe) if (root.asked.by, root.asked.where) in places]
            found = _solve(universe, distinct_wants(roots))
        except (EnvctlError, Unexplored):
            return False
        return isinstance(found, Refutation) and not found.gave_up


def _solve(universe: Universe, wants: Sequence[Want]) -> Mapping[str, int] | Refutation:
    lowest = picked_lowest(universe, wants)
    picks = walk(universe, wants, lowest=lowest, advance=_ignore)
    if picks is not None:
        return picks
    return prove(universe, wants, lowest=lowest, advance=_ignore, conflicts=_CONFLICTS)


def _ignore(name: str) -> None:
    del name


class _Forward:
    """A catalog that hands on what it is asked."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        return self._catalog.project(name)

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """See `Catalog.metadata`."""
        return self._catalog.metadata(name, version, artifact)

    def prefetch(self, names: Iterable[str]) -> None:
        """See `Catalog.prefetch`."""
        self._catalog.prefetch(names)

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """See `Catalog.prefetch_metadata`."""
        self._catalog.prefetch_metadata(name, file)

    def near_names(self, name: str) -> Sequence[str]:
        """See `Catalog.near_names`."""
        return self._catalog.near_names(name)


class _Instead(_Forward):
    """A catalog with one project from another index."""

    def __init__(self, catalog: Catalog, project: Project) -> None:
        super().__init__(catalog)
        self._project = project

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        return self._project if name == self._project.name else super().project(name)


class _Bounded(_Forward):
    """A catalog that runs out of patience, and that builds nothing."""

    def __init__(
        self,
        catalog: Catalog,
        is_known: Callable[[str, ListedFile | Artifact], bool],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(catalog)
        self._is_known = is_known
        self._clock = clock
        self._end = clock() + PATIENCE

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        self._check_time(name)
        return super().project(name)

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """See `Catalog.metadata`."""
        self._check_time(name)
        is_wheel = isinstance(artifact, ListedFile) and artifact.filename.endswith(".whl")
        if not is_wheel and not self._is_known(name, artifact):
            raise Unexplored(name)
        return super().metadata(name, version, artifact)

    def _check_time(self, name: str) -> None:
        if self._clock() > self._end:
            raise Unexplored(name)
