"""``envctl why-not``: what keeps a package from a version; first what lock and index say, then one solve."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envctl.errors import ResolutionError
from envctl.frozen import dataclass, replace
from envctl.lock.graph import Entry
from envctl.resolve.listing import Listing, newest_first
from envctl.resolve.obstacles import Judged, Obstacle, ObstacleKind, cells_where
from envctl.resolve.port import Project
from envctl.workflow.context import Context
from envctl.workflow.judging import Attempt, Bench, attempt, open_bench

#: Versions that are named where there is none of those asked for.
_NEAR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedVersion:
    """A version that the lock has, and where; None for wherever the lock holds."""

    version: str | None
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """The answer of ``why-not``.

    ``outcome`` is ``locked`` (it is there already), ``blocked`` (``releases`` say by what), ``conflict``
    (nothing speaks against it but what it would bring; ``attempt`` says what), ``moves`` (the same, but
    other packages can move for it), ``free`` (nothing but the lock holds it) or ``untried`` (that is how
    it looks, and offline it could not be tried). Without ``locked`` versions nothing asks for the package.

    ``clashes`` say who wants otherwise than what it would bring, as far as that can be seen without a
    search. ``attempt`` says what would change, and ``upgrade`` which packages have to be let go for that;
    none where that alone does not bring it. ``tried`` is the requirement that a search was given: with a
    marker where it can hold in some places only.
    """

    name: str
    requirement: str
    outcome: str
    lock_fits: bool
    locked: tuple[LockedVersion, ...]
    releases: tuple[Judged, ...] = ()
    clashes: tuple[Obstacle, ...] = ()
    attempt: Attempt | None = None
    upgrade: tuple[str, ...] = ()
    tried: str | None = None


def why_not(context: Context, requirement: Requirement) -> WhyNot:
    """Explain what keeps a package from the versions of a requirement; a name alone means the newest.

    Raises:
        EnvctlError: `lock-missing`.
        ResolutionError: `no-such-package`, `no-matching-version`.
        InputError, UpstreamError, BuildError: as the steps do.
    """
    with open_bench(context) as bench:
        return _explain(bench, requirement)


def _explain(bench: Bench, requirement: Requirement) -> WhyNot:
    name, graph = requirement.name, bench.graph
    listing = bench.listing(name)
    if not listing.exists:
        raise _refuse_unknown(bench, name)
    specifier = requirement.specifier
    if not specifier and listing.versions:
        specifier = SpecifierSet(f"=={_newest(listing)}")
    entries = [entry for entry in graph.entries_of(name) if graph.cells_of(entry)]
    others = [entry for entry in entries if not _is_among(listing, entry, specifier)]
    answer = WhyNot(
        name=name,
        requirement=f"{name}{specifier}",
        outcome="locked",
        lock_fits=bench.fits,
        locked=tuple(_describe(bench, entry) for entry in entries),
    )
    if entries and not others:
        return answer
    if not listing.mask(specifier):
        judged = _find_elsewhere(bench, listing, specifier)
        return replace(answer, outcome="blocked", releases=(judged,))
    cells = cells_where(graph, others) or graph.grid.all
    return _judge(bench, answer, specifier, cells, cells_where(graph, entries) or cells)


def _judge(bench: Bench, answer: WhyNot, specifier: SpecifierSet, cells: int, known: int) -> WhyNot:
    """Judge the releases that are asked for, in ``cells``; where one has a chance, try to lock it."""
    name = answer.name
    mask = bench.listing(name).mask(specifier)
    releases = bench.judge.judge_all(name, mask, cells, known=known)
    if not any(map(_may_work, releases)):
        return replace(answer, outcome="blocked", releases=releases)
    released, wanted, where = _choose_trial(bench, name, specifier, releases, cells)
    tried = attempt(bench, released, wanted=wanted, by="why-not", cells=where)
    answer = replace(answer, releases=releases, attempt=tried, tried=wanted)
    if not any(judged.is_free for judged in releases):
        return _with_upgrade(bench, replace(answer, outcome="blocked"), specifier)
    if tried is None:
        return replace(answer, outcome="untried")
    answer = _with_upgrade(bench, replace(answer, outcome="free" if tried.works else "conflict"), specifier)
    if tried.moved(name) and answer.upgrade != (name,):
        answer = replace(answer, outcome="moves")
    if answer.outcome == "free":
        return answer
    return replace(answer, clashes=_find_clashes(bench, name, releases, cells))


def _find_clashes(bench: Bench, name: str, releases: Sequence[Judged], cells: int) -> tuple[Obstacle, ...]:
    """Find who wants otherwise than the newest release that nothing else speaks against."""
    newest = min((judged for judged in releases if judged.is_free), key=_prospects).versions[0]
    position = bench.listing(name).position(Version(newest))
    return () if position is None else bench.judge.find_clashes(name, position, cells)


def _with_upgrade(bench: Bench, answer: WhyNot, specifier: SpecifierSet) -> WhyNot:
    """Find the packages that it is enough to let go of, where a lock was found, and what would change."""
    name, tried = answer.name, answer.attempt
    if tried is None or not tried.works or not answer.locked:
        return answer
    for names in dict.fromkeys([(name,), (name, *(change.name for change in tried.moved(name)))]):
        result = attempt(bench, frozenset(names))
        if result is not None and any(
            specifier.contains(version, prereleases=True) for version in result.versions_of(name)
        ):
            return replace(answer, attempt=result, upgrade=tuple(sorted(names)))
    return answer


def _choose_trial(
    bench: Bench, name: str, specifier: SpecifierSet, releases: Sequence[Judged], cells: int
) -> tuple[frozenset[str], str, int]:
    """Choose what to solve for: who may move, the requirement, and the cells where a release has a chance."""
    hopeful = min(filter(_may_work, releases), key=_prospects)
    released = {name}
    if hopeful.is_free:
        position = bench.listing(name).position(Version(hopeful.versions[0]))
        cells = cells if position is None else bench.judge.free_cells(name, position, cells)
    else:
        released |= {_requirer(obstacle) for obstacle in hopeful.obstacles}
    marker = bench.graph.grid.describe_targets(cells)
    return frozenset(released), f"{name}{specifier}" + (f"; {marker}" if marker else ""), cells


def _prospects(judged: Judged) -> tuple[bool, bool]:
    """Sort releases by how well they can be had: those that are free everywhere first."""
    return bool(judged.obstacles), not judged.is_free


def _may_work(judged: Judged) -> bool:
    """Whether a solve may find a way: what speaks against a release are packages that may move too."""
    return judged.is_free or all(obstacle.may_move for obstacle in judged.obstacles)


def _requirer(obstacle: Obstacle) -> str:
    assert obstacle.way is not None  # noqa: S101 - what may move is a requirement of a package
    return obstacle.way.steps[-1].name


def _describe(bench: Bench, entry: Entry) -> LockedVersion:
    return LockedVersion(version=entry.version, marker=bench.graph.describe(entry))


def _is_among(listing: Listing, entry: Entry, specifier: SpecifierSet) -> bool:
    """Whether a specifier has the version of a package; that of a source tree the lock may not know."""
    version = entry.version
    if version is None and listing.artifact is not None:
        version = str(listing.versions[0])
    return version is not None and specifier.contains(version, prereleases=True)


def _newest(listing: Listing) -> Version:
    """Return the newest release, of final ones if there are any."""
    return listing.versions[next(newest_first(listing.finals or listing.all))]


def _find_elsewhere(bench: Bench, listing: Listing, specifier: SpecifierSet) -> Judged:
    """Say why there are no such versions: a source gives another one, or an earlier index has the project.

    Raises:
        ResolutionError: `no-matching-version` when none has them either.
    """
    if listing.artifact is not None:
        obstacle = Obstacle(kind=ObstacleKind.SOURCE, detail=str(listing.versions[0]))
        return Judged(versions=(), spans=(), obstacles=(obstacle,))
    for project in bench.later_indexes(listing.name):
        fitting = [one for one in project.versions if specifier.contains(one, prereleases=True)]
        if fitting:
            return tell_index(listing, project, fitting)
    near = _near_versions(listing, specifier)
    raise ResolutionError(
        "no-matching-version",
        f"no version of {listing.name} is `{specifier}`",
        hints=(f"there are {', '.join(near)}",) if near else ("its index lists no files",),
    )


def tell_index(listing: Listing, project: Project, versions: Sequence[Version]) -> Judged:
    """Say that an index is not asked for versions (newest first) because an earlier one has the project."""
    obstacle = Obstacle(kind=ObstacleKind.INDEX, detail=listing.index or "", index=project.index)
    texts = tuple(map(str, versions))
    return Judged(versions=texts, spans=texts[::-1], obstacles=(obstacle,))


def _near_versions(listing: Listing, specifier: SpecifierSet) -> Sequence[str]:
    """Return the versions around those that are named, and the newest; oldest first."""
    if not listing.versions:
        return ()
    named = [Version(one.version.removesuffix(".*")) for one in specifier if one.operator != "==="]
    places = {0}
    for version in named:
        above = sum(1 for other in listing.versions if other > version)
        places.update(range(above - _NEAR, above + _NEAR))
    there = sorted((place for place in places if 0 <= place < len(listing.versions)), reverse=True)
    return [str(listing.versions[place]) for place in there]


def _refuse_unknown(bench: Bench, name: str) -> ResolutionError:
    near = bench.shelf.catalog.near_names(name)
    return ResolutionError(
        "no-such-package",
        f"no index lists `{name}`",
        hints=[f"did you mean `{other}`?" for other in near[:3]],
    )
