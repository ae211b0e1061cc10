"""What keeps a release from being locked, found without a search: requirements of the lock, and its files.

Who solves looks for one release that fits; here one release is looked at, and everything that speaks
against it is told. The judges are the same: masks of specifiers, `Yardstick` for files, tiers for
pre-releases. Whether what a release itself requires can be had only a search can tell; `Judge.find_clashes`
names those who stand against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from packaging.requirements import Requirement

from envctl.frozen import dataclass, replace
from envctl.lock.graph import Entry, LockGraph, Need, Start
from envctl.lock.paths import Path, find_paths
from envctl.lock.presence import Way, tell_start, tell_way
from envctl.resolve.diagnose import spans
from envctl.resolve.files import RefusalKind, read_moment
from envctl.resolve.listing import newest_first
from envctl.resolve.port import ListedFile
from envctl.resolve.rank import admits
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want, want_from


class ObstacleKind(StrEnum):
    """What can keep a release away, the most telling first."""

    REQUIREMENT = "requirement"  # a list of the manifest, or a package of the lock, excludes it
    CONSTRAINT = "constraint"  # of `[lock]`
    OVERRIDE = "override"  # of `[lock]`: what it says instead of everybody excludes it
    EXCLUDE = "exclude"  # of `[lock]`: the project is dropped wherever it is asked for
    SOURCE = "source"  # `[sources]` or a URL gives the one version there is
    PYTHON = "python"  # Requires-Python does not hold
    TAGS = "tags"  # wheels for other targets only
    NO_BINARY = "no-binary"  # wheels, which `[build] no-binary` rules out
    BUILD = "build"  # a source distribution, which may not be built
    YANKED = "yanked"
    COOLDOWN = "cooldown"  # `[lock] exclude-newer`
    POLICY = "policy"  # an enforced rule of `[policy]`
    PRERELEASE = "prerelease"
    INDEX = "index"  # an index that is asked earlier has the project, without this release
    DEPENDENCY = "dependency"  # what it requires is excluded by a list or by a package of the lock
    CONFLICT = "conflict"  # a search found that it cannot be had together with the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing that keeps releases away.

    ``detail`` is the requirement or limit that is meant (for a dependency the release's own), the specifier
    of Requires-Python, the reason of a yank or of a rule, the index that is asked first, the version that
    a source gives, the day of an upload, or why a search failed. ``way`` leads down to the requirement that
    stands against it; ``may_move`` says that it is one of a package, of which another release may want
    something else. ``until`` is the day from which a cooldown is over, ``index`` the one that has the
    release. ``marker`` says where it is so, None for wherever the package is looked at.
    """

    kind: ObstacleKind
    detail: str = ""
    way: Way | None = None
    may_move: bool = False
    until: str | None = None
    index: str | None = None
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Releases of which the same is to be said: ``versions``, newest first; none of a source, which has one.

    ``spans`` are the same as spans of neighbours, oldest first. Without ``obstacles`` nothing but the lock
    holds them. ``is_free`` says that somewhere nothing else does.
    """

    versions: tuple[str, ...]
    spans: tuple[str, ...]
    obstacles: tuple[Obstacle, ...] = ()
    is_free: bool = False


#: Says what enforced rules have against a release: its name, its version, its best file, the index of that.
Rules = Callable[[str, str, ListedFile, str | None], Sequence[str]]


#: What speaks against a release in one cell: kind, detail, last day, and who wants otherwise.
_Found = tuple[ObstacleKind, str, str | None, Need | Start | None]

_ORDER = tuple(ObstacleKind)

#: What is against files, as obstacles of their release.
_KINDS = {
    RefusalKind.TAGS: ObstacleKind.TAGS,
    RefusalKind.PYTHON: ObstacleKind.PYTHON,
    RefusalKind.BUILD: ObstacleKind.BUILD,
    RefusalKind.NO_BINARY: ObstacleKind.NO_BINARY,
    RefusalKind.TOO_NEW: ObstacleKind.COOLDOWN,
    RefusalKind.YANKED: ObstacleKind.YANKED,
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody in the lock wants of a project, and who."""

    want: Want
    source: Need | Start
    cells: int


class Judge:
    """Judges releases against one lock. ``universes`` are of the targets of the graph, in their order."""

    def __init__(
        self,
        graph: LockGraph,
        universes: Sequence[Universe],
        *,
        rules: Rules,
    ) -> None:
        self._graph = graph
        self._universes = universes
        self._rules = rules
        self._wishes: dict[str, tuple[_Wish, ...]] = {}
        self._paths: dict[tuple[Need, int], Path | None] = {}
        self._cells: dict[Need | Start, int] = {}
        self._splits: dict[tuple[str, int], tuple[tuple[int, int], ...]] = {}

    def judge(
        self, name: str, position: int, cells: int, *, known: int | None = None, first_only: bool = False
    ) -> Judged:
        """Say what keeps one release of a project from ``cells``, in the order of `ObstacleKind`.

        With ``first_only`` the first obstacle alone counts in each cell. ``known`` are the cells that go
        without saying; None for ``cells``.
        """
        where: dict[_Found, int] = {}
        free = 0
        for cell, alike in self._split(name, cells):
            found = sorted(self._look(name, position, cell), key=_rank)
            free |= 0 if found else alike
            for each in found[:1] if first_only else found:
                where[each] = where.get(each, 0) | alike
        whole = cells if known is None else known
        obstacles = [
            self._tell(each, seen, whole)
            for each, seen in sorted(where.items(), key=lambda pair: _rank(pair[0]))
        ]
        version = str(self._universes[0].listing(name).versions[position])
        return Judged(versions=(version,), spans=(version,), obstacles=tuple(obstacles), is_free=bool(free))

    def judge_all(
        self,
        name: str,
        mask: int,
        cells: int,
        *,
        known: int | None = None,
        first_only: bool = False,
        found: Mapping[int, Obstacle] | None = None,
    ) -> tuple[Judged, ...]:
        """Judge the releases of a mask; those of which the same is said, together, newest first.

        ``known`` and ``first_only`` are those of `judge`. ``found`` is what a search found in the way of
        releases that nothing else keeps away, by position.
        """
        groups: dict[tuple[tuple[Obstacle, ...], bool], int] = {}
        for position in newest_first(mask):
            one = self.judge(name, position, cells, known=known, first_only=first_only)
            obstacles, is_free = one.obstacles, one.is_free
            if is_free and found and position in found:
                obstacles, is_free = (found[position], *obstacles), False
            groups[obstacles, is_free] = groups.get((obstacles, is_free), 0) | 1 << position
        universe = self._universes[0]
        versions = universe.listing(name).versions
        return tuple(
            Judged(
                versions=tuple(str(versions[position]) for position in newest_first(several)),
                spans=spans(universe, name, several),
                obstacles=obstacles,
                is_free=is_free,
            )
            for (obstacles, is_free), several in groups.items()
        )

    def free_cells(self, name: str, position: int, cells: int) -> int:
        """Return those of some cells in which nothing but the lock keeps a release away."""
        free = 0
        for cell, alike in self._split(name, cells):
            free |= alike if next(self._look(name, position, cell), None) is None else 0
        return free

    def find_clashes(self, name: str, position: int, cells: int) -> tuple[Obstacle, ...]:
        """Say who wants otherwise than a release: of what it requires, and of which no version suits both.

        Reads the release's metadata.
        """
        clashes: dict[tuple[str, Need | Start], int] = {}
        for cell in _bits(cells):
            universe = self._universe(cell)
            if universe.listing(name).artifact is None and not universe.offer(name, position).files:
                continue
            for want in universe.depends(name, position, frozenset()):
                if want.is_never or not universe.mask(want):  # nobody else is to blame
                    continue
                for wish in self._wishes_on(want.name):
                    apart = not universe.mask(want) & universe.mask(wish.want)
                    if apart and wish.cells >> cell & 1 and not self._is_of(wish, name):
                        key = want.text, wish.source
                        clashes[key] = clashes.get(key, 0) | 1 << cell
        return tuple(
            self._tell((ObstacleKind.DEPENDENCY, text, None, source), seen, cells)
            for (text, source), seen in clashes.items()
        )

    @staticmethod
    def _is_of(wish: _Wish, name: str) -> bool:
        """Whether a wish is one of the locked release of the project itself."""
        return isinstance(wish.source, Need) and wish.source.requirer.name == name

    def wanted(self, name: str, cell: int) -> tuple[Want, ...]:
        """Return what the lock wants of a project in one cell."""
        return tuple(wish.want for wish in self._wishes_on(name) if wish.cells >> cell & 1)

    def _universe(self, cell: int) -> Universe:
        return self._universes[self._graph.grid.target_of(cell)]

    def _split(self, name: str, cells: int) -> tuple[tuple[int, int], ...]:
        """Return one of each cells in which the same is to be said of a project, with all of those.

        Such are the cells of one target in those forks in which the same is wanted of it.
        """
        if (name, cells) not in self._splits:
            alike: dict[tuple[int, tuple[int, ...]], int] = {}
            for cell in _bits(cells):
                wanted = tuple(wish.cells >> cell & 1 for wish in self._wishes_on(name))
                key = self._graph.grid.target_of(cell), wanted
                alike[key] = alike.get(key, 0) | 1 << cell
            self._splits[name, cells] = tuple((next(_bits(one)), one) for one in alike.values())
        return self._splits[name, cells]

    def _look(self, name: str, position: int, cell: int) -> Iterator[_Found]:
        """Yield what speaks against a release in one cell."""
        universe = self._universe(cell)
        listing = universe.listing(name)
        if name in universe.request.excludes:
            yield ObstacleKind.EXCLUDE, name, None, None
        if listing.artifact is not None:  # the only release there is
            return
        overridden = False
        for override in universe.overrides(name):
            clause = universe.shelf.clause(override)
            if not self._graph.grid.where(clause.marker) >> cell & 1:
                continue
            overridden = True
            if not universe.mask(clause.want) >> position & 1:
                yield ObstacleKind.OVERRIDE, clause.want.text, None, None
        for wish in () if overridden else self._wishes_on(name):
            if wish.cells >> cell & 1 and not universe.mask(wish.want) >> position & 1:
                yield ObstacleKind.REQUIREMENT, wish.want.text, None, wish.source
        for limit in universe.constraints(name):
            if not universe.mask(limit) >> position & 1:
                yield ObstacleKind.CONSTRAINT, limit.text, None, None
        yield from self._look_at_files(universe, name, position, cell)

    def _look_at_files(self, universe: Universe, name: str, position: int, cell: int) -> Iterator[_Found]:
        listing = universe.listing(name)
        offer = universe.offer(name, position)
        version = listing.versions[position]
        for kind, detail in () if offer.fresh else _why_unusable(universe, name, position):
            until = None
            if kind is ObstacleKind.COOLDOWN:
                until = self._end_of_cooldown(name, offer.late or listing.files(position))
            yield kind, detail, until, None
        if offer.files:
            for message in self._rules(name, str(version), offer.files[0], listing.index):
                yield ObstacleKind.POLICY, message, None, None
        if offer.fresh and version.is_prerelease and not self._is_admitted(universe, name, position, cell):
            yield ObstacleKind.PRERELEASE, universe.request.prerelease_mode(name), None, None

    def _is_admitted(self, universe: Universe, name: str, position: int, cell: int) -> bool:
        """Whether a pre-release would be a candidate, among the versions that its wants allow or alone."""
        wants = [want for want in self.wanted(name, cell) if universe.mask(want) >> position & 1]
        return admits(universe, name, wants, position)

    def _wishes_on(self, name: str) -> tuple[_Wish, ...]:
        """Return what is wanted of a project; once what is wanted of several of its locked versions."""
        if name not in self._wishes:
            merged: dict[tuple[object, ...], _Wish] = {}
            for wish in (wish for entry in self._graph.entries_of(name) for wish in self._find_wishes(entry)):
                known = merged.setdefault(_identify(wish.source), wish)
                merged[_identify(wish.source)] = replace(known, cells=known.cells | wish.cells)
            self._cells |= {wish.source: wish.cells for wish in merged.values()}
            # Of a stale lock some packages may be left that no list leads to any more.
            self._wishes[name] = tuple(
                wish for wish in merged.values() if self._way(wish.source, wish.cells) is not None
            )
        return self._wishes[name]

    def _find_wishes(self, entry: Entry) -> Iterator[_Wish]:
        graph = self._graph
        for need in graph.needs_on(entry):
            if cells := graph.meeting(need):
                yield _Wish(want_from(Requirement(need.requirement)), need, cells)
        for start in graph.starts_on(entry):
            yield _Wish(want_from(start.asked.requirement), start, start.cells)

    def _tell(self, found: _Found, seen: int, whole: int) -> Obstacle:
        """Tell what was seen in some cells, of the ``whole`` that goes without saying."""
        kind, detail, until, source = found
        grid = self._graph.grid
        return Obstacle(
            kind=kind,
            detail=detail,
            way=None if source is None else self._way(source, seen),
            may_move=isinstance(source, Need),
            until=until,
            marker=None if seen == whole else grid.describe(seen, grid.around(whole)),
        )

    def _way(self, source: Need | Start, seen: int) -> Way | None:
        """Find the shortest way down to a requirement that there is where it was seen; None without one."""
        if isinstance(source, Start):
            return tell_start(self._graph, replace(source, cells=self._cells[source]))
        path = self._path(source, self._cells[source])
        if path is not None and not path.cells & seen:
            path = self._path(source, self._cells[source] & seen)
        return None if path is None else tell_way(self._graph, path, source)

    def _path(self, need: Need, cells: int) -> Path | None:
        if (need, cells) not in self._paths:
            paths = find_paths(self._graph, need.requirer, limit=1, cells=cells).found
            self._paths[need, cells] = paths[0] if paths else None
        return self._paths[need, cells]

    def _end_of_cooldown(self, name: str, late: Iterable[ListedFile]) -> str | None:
        """Return the day from which the first of some files counts; None when time changes nothing."""
        universe = self._universes[0]
        request = universe.request
        span = request.cooldowns.get(request.limit_key(name, universe.listing(name).index))
        moments = [moment for file in late if (moment := read_moment(file.upload_time)) is not None]
        if span is None or not moments:
            return None
        return (min(moments) + span).date().isoformat()


def _identify(source: Need | Start) -> tuple[object, ...]:
    """Tell apart who wants something, whatever version of it is locked for that."""
    if isinstance(source, Need):
        return source.requirer, source.requirement, source.cells
    return source.asked.by, source.asked.where, str(source.asked.requirement)


def _rank(found: _Found) -> int:
    return _ORDER.index(found[0])


def _bits(cells: int) -> Iterator[int]:
    return (cell for cell in range(cells.bit_length()) if cells >> cell & 1)


def _why_unusable(universe: Universe, name: str, position: int) -> Iterator[tuple[ObstacleKind, str]]:
    """Say why a release has no file that counts, each kind of reason once, with its first detail."""
    listing = universe.listing(name)
    files = listing.files(position)
    told = set()
    for refusal in universe.yardstick.objections(name, files, listing.index):
        kind = _KINDS[refusal.kind]
        if kind in told:
            continue
        told.add(kind)
        match kind:
            case ObstacleKind.COOLDOWN:
                # Files of one release come within minutes; the day is what people go by.
                yield kind, min((file.upload_time for file in files if file.upload_time), default="")[:10]
            case ObstacleKind.PYTHON | ObstacleKind.YANKED:
                yield kind, refusal.detail
            case _:
                yield kind, ""


def cells_where(graph: LockGraph, entries: Iterable[Entry]) -> int:
    """Return the cells in which any of some packages of a lock is chosen."""
    cells = 0
    for entry in entries:
        cells |= graph.cells_of(entry)
    return cells
