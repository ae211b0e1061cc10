"""The cheapest way to describe a set by conditions: each says which of its members it holds for.

A set is an integer, one bit a member. What it is a set of is the business of `grid` (targets) and
`choices` (what an environment holds of lists that conflict).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envctl.frozen import dataclass

#: What one comparison costs, and one that says what is not.
LITERAL, UNEQUAL = 10, 1

#: Nodes of the search for the cheapest cover; what was found by then is right, only perhaps not shortest.
_BUDGET = 4000


@dataclass(frozen=True, slots=True)
class Cube:
    """A set of cells that one conjunction describes."""

    cost: int
    text: str
    cells: int


def order(cube: Cube) -> tuple[int, str]:
    """Sort cheaper cubes first; the text breaks ties."""
    return cube.cost, cube.text


def cover(wanted: int, cubes: Iterable[Cube]) -> list[Cube]:
    """Choose cubes that together hold for all that is ``wanted``, as cheaply as can be found; sorted.

    All cubes must be allowed to hold wherever they do, and there must be a cover.
    """
    return sorted(_cheapest_cover(wanted, _undominated(cubes)), key=order)


def _undominated(cubes: Iterable[Cube]) -> list[Cube]:
    """Leave out what another cube covers that costs no more; cheapest first."""
    kept: list[Cube] = []
    for cube in sorted(cubes, key=lambda each: (each.cost, -each.cells.bit_count(), each.text)):
        if not any(cube.cells & ~other.cells == 0 for other in kept):
            kept.append(cube)
    return kept


def _cheapest_cover(wanted: int, cubes: Sequence[Cube]) -> list[Cube]:
    """Cover ``wanted`` with cubes, by branch and bound within the budget; there always is a cover."""
    by_cell: Mapping[int, list[Cube]] = {
        cell: [cube for cube in cubes if cube.cells >> cell & 1]
        for cell in range(wanted.bit_length())
        if wanted >> cell & 1
    }
    best = _greedy_cover(wanted, cubes)
    lowest = sum(cube.cost for cube in best)
    nodes = 0
    stack: list[tuple[int, int, tuple[Cube, ...]]] = [(wanted, 0, ())]
    while stack and nodes < _BUDGET:
        nodes += 1
        missing, cost, chosen = stack.pop()
        if not missing:
            if cost < lowest:
                best, lowest = list(chosen), cost
            continue
        # The cell that fewest cubes cover leaves the least to try.
        cell = min((cell for cell in by_cell if missing >> cell & 1), key=lambda cell: len(by_cell[cell]))
        stack += [
            (missing & ~cube.cells, cost + cube.cost, (*chosen, cube))
            for cube in reversed(by_cell[cell])
            if cost + cube.cost < lowest
        ]
    return best


def _greedy_cover(wanted: int, cubes: Sequence[Cube]) -> list[Cube]:
    chosen: list[Cube] = []
    while wanted:
        cube = max(cubes, key=lambda each: ((each.cells & wanted).bit_count() / each.cost, -each.cost))
        chosen.append(cube)
        wanted &= ~cube.cells
    return chosen
