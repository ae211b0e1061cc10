"""``envctl outdated``: which locked packages have newer releases, and what keeps each of those away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from packaging.version import Version

from envctl.errors import BuildError, ResolutionError, UpstreamError
from envctl.frozen import dataclass, replace
from envctl.lock.graph import Entry, LockGraph
from envctl.resolve.files import read_moment
from envctl.resolve.listing import Listing, newest_first
from envctl.resolve.obstacles import Judged, Obstacle, ObstacleKind
from envctl.workflow.context import Context, Released
from envctl.workflow.followed import OutdatedSource, ask_repositories, compare_followed, list_followed
from envctl.workflow.judging import Bench, attempt, open_bench, relock
from envctl.workflow.why_not import tell_index

#: Releases of a package whose requirements are looked into when letting go of it does not bring them.
_LOOKED_INTO = 8

_NOT_BROUGHT = Obstacle(
    kind=ObstacleKind.CONFLICT, detail="letting go of the locked version does not bring it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A locked package that has a newer release.

    ``fits`` is the newest that nothing but the lock holds, perhaps the locked one; ``newest`` the newest of
    all that is final and not yanked. ``asked_by`` are lists of the manifest when it is ``direct``, else
    the packages that require it. ``age`` is that of the locked release and ``newest_age`` that of
    the newest one, in days; None where an index does not say. ``releases`` are the newer ones, newest
    first, each with the first thing that keeps it away from each target; None unless that was asked for.
    """

    name: str
    locked: str
    fits: str
    newest: str
    marker: str | None
    direct: bool
    asked_by: tuple[str, ...]
    age: int | None
    newest_age: int | None
    releases: tuple[Judged, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedPackages:
    """The answer of ``outdated``; ``checked`` counts the packages that were looked at.

    ``packages`` are those of indexes, ``sources`` those of repositories. ``not_asked`` names what comes from
    a repository that could not be asked, offline.
    """

    lock_fits: bool
    checked: int
    packages: tuple[Outdated, ...]
    sources: tuple[OutdatedSource, ...] = ()
    not_asked: tuple[str, ...] = ()

    @property
    def amount(self) -> int:
        """How many packages are outdated."""
        return len(self.packages) + len(self.sources)

    @property
    def movable(self) -> int:
        """How many of these nothing but the lock holds."""
        return sum(package.fits != package.locked for package in self.packages) + sum(
            source.now is not None for source in self.sources
        )


def find_outdated(context: Context, *, explain: bool = False) -> OutdatedPackages:
    """Find the locked packages that have a newer release; with ``explain`` what keeps each of those away.

    And those of repositories, where what they were asked for by names another commit now. Without
    ``explain`` nothing is resolved: only pages of indexes are read, and repositories asked what they have.

    Raises:
        EnvctlError: `lock-missing`.
        InputError, UpstreamError: as the steps do.
    """
    with open_bench(context) as bench:
        entries = [entry for entry in bench.chosen if _is_of_an_index(bench, entry)]
        bench.shelf.prefetch(entry.name for entry in entries)
        followed = list_followed(bench, bench.chosen)
        with ask_repositories(bench, followed) as answers:
            found = [(entry, one) for entry in entries if (one := _compare(bench, entry)) is not None]
            sources, not_asked = compare_followed(bench, followed, answers)
        return OutdatedPackages(
            lock_fits=bench.fits,
            checked=len(entries) + len(followed) - len(not_asked),
            packages=tuple(_explain(bench, found) if explain else [one for _, one in found]),
            sources=sources,
            not_asked=not_asked,
        )


def _is_of_an_index(bench: Bench, entry: Entry) -> bool:
    package = bench.lock.packages[entry.number]
    is_direct = package.directory or package.vcs or package.archive
    return entry.version is not None and not is_direct


def _compare(bench: Bench, entry: Entry) -> Outdated | None:
    """Compare a locked release with what its index has; None when there is nothing newer."""
    listing = bench.listing(entry.name)
    newer = _newer(listing, entry)
    newest = next(
        (position for position in newest_first(newer) if _counts(bench, listing, position, entry)),
        None,
    )
    if newest is None or entry.version is None:
        return None
    graph = bench.graph
    cells = graph.cells_of(entry)
    fits = next(
        (
            str(listing.versions[position])
            for position in newest_first(newer)
            if bench.judge.free_cells(entry.name, position, cells)
        ),
        entry.version,
    )
    direct, asked_by = graph.askers_of(entry)
    return Outdated(
        name=entry.name,
        locked=entry.version,
        fits=fits,
        newest=str(listing.versions[newest]),
        marker=graph.describe(entry),
        direct=direct,
        asked_by=asked_by,
        age=_age(bench, listing, listing.position(Version(entry.version))),
        newest_age=_age(bench, listing, newest),
    )


def _newer(listing: Listing, entry: Entry) -> int:
    """Return the releases that are newer than the locked one, as a mask."""
    locked = Version(entry.version or "0")
    return sum(1 << position for position, version in enumerate(listing.versions) if version > locked)


def _counts(bench: Bench, listing: Listing, position: int, entry: Entry) -> bool:
    """Whether a release makes the locked one outdated: it is not yanked, and final unless that is not."""
    mode = bench.manifest.lock.prerelease
    allowed = mode.get(entry.name) or mode.get("*")
    is_open = allowed == "allow" or Version(entry.version or "0").is_prerelease
    return (is_open or listing.is_final(position)) and any(
        file.yanked is None for file in listing.files(position)
    )


def _age(bench: Bench, listing: Listing, position: int | None) -> int | None:
    """Return how many days ago the first file of a release was uploaded."""
    files = () if position is None else listing.files(position)
    moments = [moment for file in files if (moment := read_moment(file.upload_time)) is not None]
    return max((bench.now - min(moments)).days, 0) if moments else None


def _explain(bench: Bench, outdated: Sequence[tuple[Entry, Outdated]]) -> list[Outdated]:
    """Say of each newer release what keeps it away first.

    What nothing keeps away on paper is tried: all at once, and what does not come then, each for itself.
    """
    is_tried, upgraded = _upgrade(bench, outdated)
    explained = []
    for entry, one in outdated:
        listing, cells = bench.listing(entry.name), bench.graph.cells_of(entry)
        found: Mapping[int, Obstacle] = {}
        if is_tried and one.fits != one.locked and one.fits not in _versions(upgraded, one.name, cells):
            one, found = _try(bench, listing, one, cells)  # noqa: PLW2901 - it is known better now
        releases = bench.judge.judge_all(
            entry.name,
            _newer(listing, entry),
            cells,
            first_only=True,
            found=found,
        )
        explained.append(replace(one, releases=(*_elsewhere(bench, listing, entry), *releases)))
    return explained


def _upgrade(bench: Bench, outdated: Sequence[tuple[Entry, Outdated]]) -> tuple[bool, LockGraph | None]:
    """Make the lock that ``lock --upgrade`` would, if there is one; say first whether it could be tried.

    Raises:
        UpstreamError: an index does not answer, or is wrong.
    """
    if all(one.fits == one.locked for _, one in outdated):
        return True, None
    is_tried, upgraded = _relock(bench, None)
    if not is_tried:
        bench.tell_untried()
    return is_tried, upgraded


def _relock(bench: Bench, released: Released) -> tuple[bool, LockGraph | None]:
    """Make the lock with some versions let go, if there is one; say first whether it could be tried."""
    try:
        lock = relock(bench, released)
    except (ResolutionError, BuildError):
        return True, None
    except UpstreamError as error:
        if error.code != "offline":
            raise
        return False, None
    return True, LockGraph(lock, bench.manifest, bench.graph.grid)


def _versions(graph: LockGraph | None, name: str, cells: int) -> Collection[str]:
    """Return the versions that a project has in any of some cells."""
    if graph is None:
        return ()
    return {
        entry.version for entry in graph.entries_of(name) if entry.version and graph.cells_of(entry) & cells
    }


def _try(
    bench: Bench, listing: Listing, one: Outdated, cells: int
) -> tuple[Outdated, Mapping[int, Obstacle]]:
    """Try to let go of a locked version, and to get the newest that nothing speaks against.

    Returns what fits now, and what is in the way of the releases between that and the newest.
    """
    is_tried, made = _relock(bench, frozenset((one.name,)))
    got = max(map(Version, (one.locked, *_versions(made, one.name, cells))))
    if not is_tried or got >= Version(one.fits):
        return one, {}
    missing = sum(
        1 << position
        for position, version in enumerate(listing.versions)
        if got < version <= Version(one.fits)
    )
    found: dict[int, Obstacle] = {}
    for position in newest_first(missing):
        clashes: tuple[Obstacle, ...] = ()
        if len(found) < _LOOKED_INTO:
            clashes = bench.judge.find_clashes(one.name, position, cells)
        if clashes:
            found[position] = clashes[0]
        else:
            found[position] = _find_conflict(bench, one, cells) if not found else _NOT_BROUGHT
    return replace(one, fits=str(got)), found


def _find_conflict(bench: Bench, one: Outdated, cells: int) -> Obstacle:
    """Say what comes of asking for a release: why it cannot be had, or what it would move."""
    marker = bench.graph.grid.describe_targets(cells)
    wanted = f"{one.name}=={one.fits}" + (f" ; {marker}" if marker else "")
    result = attempt(bench, frozenset((one.name,)), wanted=wanted, by="this question", cells=cells)
    if result is None:
        return _NOT_BROUGHT
    moves = [f"{each.name} {each.before} to {each.after}" for each in result.moved(one.name)]
    detail = result.error or f"it would move {', '.join(moves)}"
    return Obstacle(kind=ObstacleKind.CONFLICT, detail=detail)


def _elsewhere(bench: Bench, listing: Listing, entry: Entry) -> tuple[Judged, ...]:
    """Tell of a newer release on an index that is not asked, because an earlier one has the project."""
    newest = max([Version(entry.version or "0"), *listing.versions[:1]])
    for project in bench.later_indexes(entry.name):
        versions = [version for version in project.versions if version > newest and not version.is_prerelease]
        if versions:
            return (tell_index(listing, project, versions),)
    return ()
