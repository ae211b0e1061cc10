"""The targets of a lock as a finite grid, and the simplest marker for any set of its cells.

A cell is one target: a platform and a span of Python versions. A set of cells is an integer, bit *i*
for the *i*-th target. ``environments`` keeps every other machine out of the lock, so what a marker
says outside the grid does not matter; that is what makes markers short.

Once per grid all *cubes* are made: conjunctions of at most three comparisons of the platform and one
condition on Python, the cheapest text for each set they describe. A wanted set is then covered by
cubes that lie in it, as cheaply as can be found.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from envctl.lock.cover import LITERAL, UNEQUAL, Cube, cover, order
from envctl.model.target import Target

#: What tells platforms apart, with what naming it costs beyond another one.
_PLATFORM_MARKERS = (("sys_platform", 0), ("platform_machine", 2), ("implementation_name", 2))
_FULL_VERSION = 3
_MOST_PLATFORM_LITERALS = 3


class Grid:
    """The cells of one lock. Two targets whose markers are equal cannot be told apart: ValueError."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self.all = (1 << len(targets)) - 1
        if len({(_platform(target), target.floor) for target in targets}) < len(targets):
            raise ValueError("two targets have the same markers")
        self._cubes = _make_cubes(self.targets)
        self._memo: dict[tuple[int, int], tuple[str, ...]] = {}

    def cells(self, indexes: Iterable[int]) -> int:
        """Return the set of the targets at ``indexes``."""
        return sum(1 << index for index in set(indexes))

    def simplify(self, wanted: int, indifferent: int = 0) -> tuple[str, ...]:
        """Return conjunctions of which at least one holds exactly in the ``wanted`` cells.

        In the ``indifferent`` ones it may hold or not; not all that are wanted may be so. Empty when no
        condition is needed. Conjunctions are to be joined with `either`.
        """
        wanted &= ~indifferent
        if wanted | indifferent == self.all:
            return ()
        key = (wanted, indifferent)
        if key not in self._memo:
            self._memo[key] = self._cover(wanted, indifferent)
        return self._memo[key]

    def _cover(self, wanted: int, indifferent: int) -> tuple[str, ...]:
        outside = self.all & ~(wanted | indifferent)
        useful: dict[int, Cube] = {}
        for cube in self._cubes:  # cheapest first
            covered = cube.cells & wanted
            if covered and not cube.cells & outside:
                useful.setdefault(covered, Cube(cube.cost, cube.text, covered))
        return tuple(cube.text for cube in cover(wanted, useful.values()))


def either(conditions: Sequence[str]) -> str:
    """Join conditions with ``or``, in parentheses where they are compound."""
    return conditions[0] if len(conditions) == 1 else " or ".join(map(_enclose, conditions))


def both(first: Sequence[str], second: Sequence[str]) -> str:
    """Say that one of ``first`` and one of ``second`` hold; an empty one always does."""
    sides = [either(side) for side in (first, second) if side]
    if len(sides) < 2:
        return sides[0]
    # What has no `or` needs no parentheses beside an `and`.
    return " and ".join(f"({side})" if " or " in side else side for side in sides)


def _enclose(condition: str) -> str:
    return f"({condition})" if " and " in condition or " or " in condition else condition


def _platform(target: Target) -> tuple[str, ...]:
    return tuple(target.markers[marker] for marker, _ in _PLATFORM_MARKERS)


def _make_cubes(targets: Sequence[Target]) -> list[Cube]:
    """Make the cheapest cube for each set of cells that a conjunction can describe, cheapest first."""
    best: dict[int, Cube] = {}
    for where in _platform_sets(targets):
        for when in _python_sets(targets):
            cells = where.cells & when.cells
            text = " and ".join(part.text for part in (where, when) if part.text)
            cube = Cube(where.cost + when.cost, text, cells)
            if cells and (cells not in best or order(cube) < order(best[cells])):
                best[cells] = cube
    return sorted(best.values(), key=order)


def _platform_sets(targets: Sequence[Target]) -> list[Cube]:
    literals: list[Cube] = []
    for marker, extra in _PLATFORM_MARKERS:
        values = sorted({target.markers[marker] for target in targets})
        for value in values if len(values) > 1 else ():
            cells = _where(target.markers[marker] == value for target in targets)
            others = _where(target.markers[marker] != value for target in targets)
            literals.append(Cube(LITERAL + extra, f"{marker} == '{value}'", cells))
            literals.append(Cube(LITERAL + extra + UNEQUAL, f"{marker} != '{value}'", others))
    everywhere = (1 << len(targets)) - 1
    best = {everywhere: Cube(0, "", everywhere)}
    for count in range(1, _MOST_PLATFORM_LITERALS + 1):
        for several in itertools.combinations(literals, count):
            cells = everywhere
            for literal in several:
                cells &= literal.cells
            cost = sum(literal.cost for literal in several)
            cube = Cube(cost, " and ".join(literal.text for literal in several), cells)
            if cells and (cells not in best or order(cube) < order(best[cells])):
                best[cells] = cube
    return list(best.values())


def _python_sets(targets: Sequence[Target]) -> list[Cube]:
    """Make the sets that a condition on Python describes: spans, one minor version, all but one."""
    floors = sorted({version_key(target.floor) for target in targets})
    by_floor = {floor: _where(version_key(target.floor) == floor for target in targets) for floor in floors}
    everywhere = (1 << len(targets)) - 1
    sets = [Cube(0, "", everywhere)]
    for first, last in itertools.combinations_with_replacement(range(len(floors)), 2):
        cells = sum(by_floor[floor] for floor in floors[first : last + 1])
        limits = []
        if first > 0:
            limits.append(_limit(">=", floors, first))
        if last < len(floors) - 1:
            limits.append(_limit("<", floors, last + 1))
        cost = sum(cost for cost, _ in limits)
        sets.append(Cube(cost, " and ".join(text for _, text in limits), cells))
    for minor in sorted({floor[:2] for floor in floors}):
        cells = sum(by_floor[floor] for floor in floors if floor[:2] == minor)
        version = f"{minor[0]}.{minor[1]}"
        # A border says the same of the first or last version, and stays true when another is added.
        sets.append(Cube(LITERAL + 1, f"python_version == '{version}'", cells))
        sets.append(Cube(LITERAL + 1 + UNEQUAL, f"python_version != '{version}'", everywhere & ~cells))
    return sets


def _limit(operator: str, floors: Sequence[tuple[int, ...]], position: int) -> tuple[int, str]:
    """Write the border below ``floors[position]``, with its cost."""
    floor = floors[position]
    if floors[position - 1][:2] != floor[:2]:
        return LITERAL, f"python_version {operator} '{floor[0]}.{floor[1]}'"
    return LITERAL + _FULL_VERSION, f"python_full_version {operator} '{'.'.join(map(str, floor))}'"


def version_key(version: str) -> tuple[int, ...]:
    """Return the numbers of ``3.11.4``, ``3.14t`` or ``pypy3.11``; what comes after a release is left out."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _where(facts: Iterable[bool]) -> int:
    return sum(1 << position for position, fact in enumerate(facts) if fact)
