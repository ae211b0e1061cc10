"""Where something of a lock holds: in which targets and forks, and markers evaluated in each of them.

A lock is read here without the machine that made it: the cells are made of the names it covers. A Python
is cut where a marker of the lock asks for a patch version. A lock that names no targets, as that of
another tool does, has one cell, in which every marker holds that may.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

from packaging.markers import Environment, InvalidMarker, Marker

from envctl.lock.forks import LockForks
from envctl.lock.grid import Grid
from envctl.lock.lock import Lock, own_requires
from envctl.manifest.conflicts import Fork, Member, conflicts_of, held_by
from envctl.manifest.manifest import Declaration, Manifest
from envctl.model.dependency import marker_of
from envctl.model.target import Target
from envctl.model.targets import is_known, join_alike, make_target, move_floor, sort_targets

_PATCH = re.compile(r"['\"](\d+\.\d+)\.(\d+)")


class LockGrid:
    """The cells of a lock: its targets in each fork of its conflicts. A set of them is an integer.

    The first bits are ``targets`` in the first fork, in their order, the next ones the same in the second.
    """

    def __init__(self, targets: Sequence[Target], forks: LockForks | None = None) -> None:
        self.targets = tuple(targets)
        self.forks = forks or LockForks()
        self._width = max(1, len(targets))
        self._row = (1 << self._width) - 1
        # Times this, a set of targets is those in every fork.
        self._everywhere = sum(1 << place * self._width for place in range(len(self.forks.all)))
        self.all = self._row * self._everywhere
        self._grid: Grid | None = None
        self._memo: dict[tuple[str, frozenset[str], frozenset[str]], int] = {}

    def where(self, marker: str) -> int:
        """Return the cells in which a marker holds that names no list."""
        return self._targets(marker, frozenset(), frozenset()) * self._everywhere

    def chosen(self, markers: Iterable[str], lists: Sequence[Collection[Member] | None]) -> Mapping[str, int]:
        """Return the cells in which markers of a lock hold when some lists are chosen.

        ``lists`` has them for each fork; None where nothing is.
        """
        names = [
            None if members is None else [_names(members, kind) for kind in ("group", "extra")]
            for members in lists
        ]
        found = dict.fromkeys(markers, 0)
        for marker in found:
            for place, held in enumerate(names):
                if held is not None:
                    found[marker] |= self._targets(marker, *held) << place * self._width
        return found

    def in_forks(self, places: Iterable[int]) -> int:
        """Return all cells of some forks."""
        return sum(self._row << place * self._width for place in places)

    def around(self, cells: int) -> int:
        """Return all cells of those forks that some cells are in."""
        return self.in_forks(place for place, row in enumerate(self._rows(cells)) if row)

    def describe(self, cells: int, among: int | None = None) -> str | None:
        """Write the simplest marker for a set of cells; None where it is all of them.

        It may hold or not in forks none of whose cells are ``among`` those that count; None for all.
        """
        if not self.targets or cells == self.all:
            return None
        return self.forks.describe(
            self._rows(cells), self._rows(self.all if among is None else among), self._make_grid()
        )

    def describe_targets(self, cells: int) -> str | None:
        """Write the simplest marker for the targets of some cells, whatever their forks."""
        row = 0
        for one in self._rows(cells):
            row |= one
        return self.describe(row * self._everywhere)

    def members_of(self, cells: int) -> Fork:
        """Return the members of conflicts that only the forks of some cells have; none for all forks."""
        meant: set[Member] = set()
        others: set[Member] = set()
        rows = self._rows(cells)
        for fork, row in zip(self.forks.all, rows, strict=True):
            (meant if row else others).update(fork)
        return frozenset() if all(rows) else frozenset(meant - others)

    def target_of(self, cell: int) -> int:
        """Return the place of a cell's target."""
        return cell % self._width

    def _rows(self, cells: int) -> tuple[int, ...]:
        return tuple(cells >> place * self._width & self._row for place in range(len(self.forks.all)))

    def _make_grid(self) -> Grid:
        if self._grid is None:
            self._grid = Grid(self.targets)
        return self._grid

    def _targets(self, marker: str, groups: frozenset[str], extras: frozenset[str]) -> int:
        """Return the targets for which a marker holds."""
        if not marker:
            return self._row
        # Most lists are in few markers, and what is not in it makes no difference.
        named = [frozenset(name for name in names if name in marker) for names in (groups, extras)]
        key = (marker, named[0], named[1])
        if key not in self._memo:
            self._memo[key] = self._evaluate(*key)
        return self._memo[key]

    def _evaluate(self, text: str, groups: frozenset[str], extras: frozenset[str]) -> int:
        try:
            marker = Marker(text)
        except InvalidMarker:  # it only informs
            return self._row
        if not self.targets:
            return self._row
        lists = {"dependency_groups": groups, "extras": extras}
        cells = 0
        for bit, target in enumerate(self.targets):
            environment = cast("Environment", {**target.markers, **lists})
            cells |= int(marker.evaluate(cast("dict[str, str]", environment), context="lock_file")) << bit
        return cells


def _names(members: Iterable[Member], kind: str) -> frozenset[str]:
    return frozenset(name for one, name in members if one == kind)


def find_cells(
    lock: Lock,
    manifest: Manifest,
    *,
    declaration: Declaration | None = None,
    pythons: Collection[str] | None = None,
    here: Target | None = None,
) -> LockGrid:
    """Make the cells of a lock, in the order they are solved in; of those ``pythons`` only, if given.

    With a ``declaration`` there is only the fork that this environment belongs to. ``here`` stands for a
    lock that names no target which has a name elsewhere.
    """
    forks = LockForks(
        conflicts_of(manifest),
        (str(package.marker or "") for package in lock.packages),
        held=None if declaration is None else held_by(declaration),
    )
    named = [
        make_target(name, python)
        for name in lock.targets
        for python in lock.pythons
        if is_known(name, python) and (pythons is None or python in pythons)
    ]
    if not named and here is not None:
        return LockGrid((here,), forks)
    return LockGrid(sort_targets(_cut(join_alike(named), _markers(lock, manifest))), forks)


def _markers(lock: Lock, manifest: Manifest) -> Iterable[str]:
    for package in lock.packages:
        yield str(package.marker or "")
        yield from own_requires(package)
    for asked in (manifest.dependencies, *manifest.groups.values(), *manifest.extras.values()):
        for one in asked:
            yield marker_of(one.requirement)


def _cut(targets: Sequence[Target], markers: Iterable[str]) -> tuple[Target, ...]:
    """Cut whole minor versions where a marker may change its answer: at a patch version and after it."""
    borders: dict[str, set[int]] = {}
    for text in markers:
        if "_version" in text:
            for minor, patch in _PATCH.findall(text):
                borders.setdefault(minor, set()).update((int(patch), int(patch) + 1))
    result = []
    for target in targets:
        minor, first, last = *_split(target.floor), _split(target.ceiling)[1]
        starts = [first, *sorted(patch for patch in borders.get(minor, ()) if first < patch <= last)]
        ends = [*(start - 1 for start in starts[1:]), last]
        result += [
            target
            if (start, end) == (first, last)
            else move_floor(target, f"{minor}.{start}", f"{minor}.{end}")
            for start, end in zip(starts, ends, strict=True)
        ]
    return tuple(result)


def _split(version: str) -> tuple[str, int]:
    numbers = re.findall(r"\d+", version)
    return f"{numbers[0]}.{numbers[1]}", int(numbers[2]) if len(numbers) > 2 else 0
