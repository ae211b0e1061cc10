"""Where something of a lock holds: its targets as a grid, and markers evaluated in every cell of it.

A lock is read here without the machine that made it: the cells are made of the names it covers. A Python
is cut where a marker of the lock asks for a patch version. A lock that names no targets, as that of
another tool does, has one cell, in which every marker holds that may.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import cast

from packaging.markers import Environment, InvalidMarker, Marker

from envctl.lock.grid import Grid, either
from envctl.lock.lock import Lock, own_requires
from envctl.manifest.manifest import Manifest
from envctl.model.dependency import marker_of
from envctl.model.target import Target
from envctl.model.targets import is_known, join_alike, make_target, move_floor, sort_targets

_PATCH = re.compile(r"['\"](\d+\.\d+)\.(\d+)")


class LockGrid:
    """The cells of a lock. A set of them is an integer, bit *i* for the *i*-th of ``targets``."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self.all = (1 << max(1, len(targets))) - 1
        self._grid: Grid | None = None
        self._memo: dict[tuple[str, frozenset[str], frozenset[str]], int] = {}

    def where(
        self, marker: str, *, groups: frozenset[str] = frozenset(), extras: frozenset[str] = frozenset()
    ) -> int:
        """Return the cells in which a marker of a lock holds when those lists are chosen."""
        if not marker:
            return self.all
        key = (marker, groups, extras)
        if key not in self._memo:
            self._memo[key] = self._evaluate(marker, groups, extras)
        return self._memo[key]

    def describe(self, cells: int) -> str | None:
        """Write the simplest marker for a set of cells; None where it is all of them."""
        if not self.targets or cells == self.all:
            return None
        if self._grid is None:
            self._grid = Grid(self.targets)
        conditions = self._grid.simplify(cells)
        return either(conditions) if conditions else None

    def among(self, cells: int) -> tuple[Target, ...]:
        """Return the targets of a set of cells, in their order."""
        return tuple(target for bit, target in enumerate(self.targets) if cells >> bit & 1)

    def _evaluate(self, text: str, groups: frozenset[str], extras: frozenset[str]) -> int:
        try:
            marker = Marker(text)
        except InvalidMarker:  # it only informs
            return self.all
        if not self.targets:
            return self.all
        lists = {"dependency_groups": groups, "extras": extras}
        cells = 0
        for bit, target in enumerate(self.targets):
            environment = cast("Environment", {**target.markers, **lists})
            cells |= int(marker.evaluate(cast("dict[str, str]", environment), context="lock_file")) << bit
        return cells


def find_cells(
    lock: Lock, manifest: Manifest, *, pythons: Collection[str] | None = None, here: Target | None = None
) -> LockGrid:
    """Make the cells of a lock, in the order they are solved in; of those ``pythons`` only, if given.

    ``here`` stands for a lock that names no target which has a name elsewhere.
    """
    named = [
        make_target(name, python)
        for name in lock.targets
        for python in lock.pythons
        if is_known(name, python) and (pythons is None or python in pythons)
    ]
    if not named and here is not None:
        return LockGrid((here,))
    return LockGrid(sort_targets(_cut(join_alike(named), _markers(lock, manifest))))


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
