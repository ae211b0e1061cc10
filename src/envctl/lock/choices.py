"""Where and for which environments a package is chosen, when lists conflict.

Beside its target an environment has what it holds of the members of conflicts. `Choices` are all that it
may hold of one part of them, each a set of members without rivals; a set of those is an integer, as sets of
targets are. What no environment may hold does not matter, which keeps the conditions short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.frozen import dataclass
from envctl.lock.cover import LITERAL, UNEQUAL, Cube, cover
from envctl.lock.grid import Grid, both
from envctl.manifest.conflicts import Conflicts, Fork, Member

_VARIABLES = {"group": "dependency_groups", "extra": "extras"}


def is_held(member: Member) -> str:
    """Write the condition that an environment holds a group or an extra."""
    return f"'{member[1]}' in {_VARIABLES[member[0]]}"


class Choices:
    """What an environment may hold of ``members``, and the fork that it gets then; in a fixed order."""

    def __init__(self, conflicts: Conflicts, members: Sequence[Member]) -> None:
        # As many as were resolved.
        self.holdings = tuple(conflicts.holdings(members))
        self.forks = tuple(map(conflicts.complete, self.holdings))
        self.all = (1 << len(self.holdings)) - 1
        self._members = members
        self._having = {
            member: sum(1 << place for place, held in enumerate(self.holdings) if member in held)
            for member in members
        }

    def having(self, member: Member) -> int:
        """Return the choices that hold a member: none, for one of another part."""
        return self._having.get(member, 0)

    def describe(self, wanted: int, indifferent: int) -> list[Cube]:
        """Return conjunctions of which at least one holds exactly for the ``wanted`` choices.

        For the ``indifferent`` ones it may hold or not. The cells of each are all that it holds for.
        """
        allowed = wanted | indifferent
        if allowed == self.all:
            return [Cube(0, "", self.all)]
        cubes: dict[str, Cube] = {}
        for place, held in enumerate(self.holdings):
            if wanted >> place & 1:
                cubes |= {cube.text: cube for cube in self._widen(held, allowed)}
        chosen = cover(wanted, (Cube(one.cost, one.text, one.cells & wanted) for one in cubes.values()))
        return [cubes[cube.text] for cube in chosen]

    def _widen(self, held: Fork, allowed: int) -> Iterable[Cube]:
        """Yield some of the shortest conjunctions that hold for ``held``, and only where it is allowed."""
        within = [member for member in self._members if member in held]
        without = [member for member in self._members if member not in held]
        for first, second in ((within, without), (without, within)):
            for sign in (1, -1):
                kept = [*within, *without]
                for member in (*first[::sign], *second[::sign]):
                    fewer = [other for other in kept if other != member]
                    if not self._cells(held, fewer) & ~allowed:
                        kept = fewer
                yield self._cube(held, kept)

    def _cells(self, held: Fork, named: Iterable[Member]) -> int:
        cells = self.all
        for member in named:
            cells &= self._having[member] if member in held else ~self._having[member]
        return cells

    def _cube(self, held: Fork, named: Sequence[Member]) -> Cube:
        texts = [is_held(member) for member in sorted(named) if member in held]
        others = [
            is_held(member).replace("' in ", "' not in ") for member in sorted(named) if member not in held
        ]
        cost = LITERAL * len(named) + UNEQUAL * len(others)
        return Cube(cost, " and ".join((*texts, *others)), self._cells(held, named))


@dataclass(frozen=True, slots=True)
class Region:
    """Sets of targets: one that holds for all environments, or one for each of the ``choices``."""

    rows: tuple[int, ...] = (0,)
    choices: Choices | None = None

    def on(self, choices: Choices | None) -> tuple[int, ...]:
        """Return a row for each of other choices: those targets that are surely in it."""
        if choices is self.choices:
            return self.rows
        surely = self.rows[0]
        for row in self.rows:
            surely &= row
        return (surely,) * (1 if choices is None else len(choices.holdings))


def simplify(region: Region, indifferent: Sequence[int], grid: Grid) -> tuple[str, ...]:
    """Return conditions of which at least one holds exactly in a region, to be joined with `either`.

    Where ``indifferent``, a row for each of the region's, they may hold or not. Empty when no condition is
    needed; the region must reach beyond what is indifferent.
    """
    choices = region.choices
    if choices is None:
        return grid.simplify(region.rows[0], indifferent[0])
    allowed = [row | free for row, free in zip(region.rows, indifferent, strict=True)]
    missing = [row & ~free for row, free in zip(region.rows, indifferent, strict=True)]
    result: list[str] = []
    while any(missing):
        # The largest first: what is left may then cross it.
        row = max(missing, key=lambda one: (one.bit_count(), one))
        wanted = _places(one == row for one in missing)
        cubes = choices.describe(wanted, _places(not row & ~one for one in allowed) & ~wanted)
        covered = 0
        for cube in cubes:
            covered |= cube.cells
        free = grid.all
        for place, one in enumerate(allowed):
            if covered >> place & 1:
                free &= one
                missing[place] &= ~row
        held = tuple(cube.text for cube in cubes if cube.text)
        where = grid.simplify(row, free & ~row)
        result += [both(held, where)] if held and where else held or where
    return tuple(result)


def _places(facts: Iterable[bool]) -> int:
    return sum(1 << place for place, fact in enumerate(facts) if fact)
