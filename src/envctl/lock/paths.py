"""Why a package is in a lock: the ways from the lists of the manifest down to it, shortest first.

A graph of a hundred packages may have millions of ways. They are found one after the other, in the order
of their length, and only as many as somebody wants to see.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from envctl.frozen import dataclass
from envctl.lock.graph import Choice, Entry, LockGraph, Need, Start

#: Ways that are begun before the search says that there may be more.
_BUDGET = 50_000

#: A way that is begun: the length it will have at least, less the length it has (of equals the longest grows
#: first, or there would be no first until all are known), a number that breaks ties, its needs from the
#: top, and its cells.
_Begun = tuple[int, int, int, tuple[Need, ...], int]


@dataclass(frozen=True, slots=True)
class Path:
    """A list asks for a package that requires another, and so on; it holds in ``cells``."""

    start: Start
    needs: tuple[Need, ...]
    cells: int


@dataclass(frozen=True, slots=True)
class Paths:
    """The shortest ways to one package; ``complete`` when there are no others."""

    found: tuple[Path, ...]
    complete: bool


def find_paths(graph: LockGraph, entry: Entry, *, limit: int, cells: int | None = None) -> Paths:
    """Find the shortest ways to a package, at most ``limit``; in ``cells`` only, if given.

    A way goes through no project twice, and holds as a whole in at least one cell.
    """
    budget = [_BUDGET]
    within = graph.grid.all if cells is None else cells
    ways = heapq.merge(
        *(_walk(graph, choice, entry, within, budget) for choice in graph.choices), key=_length
    )
    found: dict[tuple[object, ...], Path] = {}
    for path in ways:
        key = (path.start.asked.by, path.start.asked.where, str(path.start.asked.requirement), path.needs)
        if key in found:  # a group includes another
            continue
        if len(found) == limit:
            return Paths(tuple(found.values()), complete=False)
        found[key] = path
    return Paths(tuple(found.values()), complete=budget[0] >= 0)


def find_needs_above(graph: LockGraph, entry: Entry) -> tuple[Need, ...]:
    """Return every requirement that lies on a way to a package, from it upwards.

    Of packages that are chosen, but never together, one is not required by the other.
    """
    seen = {entry}
    queue = [entry]
    needs: list[Need] = []
    for one in queue:  # grows while it is walked
        for need in graph.needs_on(one):
            if graph.cells_of(one) and graph.cells_of(need.requirer) and not graph.meeting(need):
                continue
            needs.append(need)
            if need.requirer not in seen:
                seen.add(need.requirer)
                queue.append(need.requirer)
    return tuple(needs)


def _length(path: Path) -> int:
    return len(path.needs)


def _walk(graph: LockGraph, choice: Choice, entry: Entry, within: int, budget: list[int]) -> Iterator[Path]:
    """Yield the ways from the lists of one choice, shortest first: A* upwards, by the distance from a list.

    Source: Hart, Nilsson, Raphael, "A Formal Basis for the Heuristic Determination of Minimum Cost Paths".
    """
    distances = _distances(graph, choice)
    starts: dict[int, list[Start]] = {}
    for start in choice.starts:
        starts.setdefault(start.required.number, []).append(start)
    cells = within & choice.chosen[entry.number]
    queue: list[_Begun] = []
    if cells and entry.number in distances:
        queue.append((distances[entry.number], 0, 0, (), cells))
    pushed = 0
    while queue:
        if budget[0] <= 0:
            budget[0] = -1
            return
        budget[0] -= 1
        _, _, _, needs, cells = heapq.heappop(queue)
        top = needs[0].requirer if needs else entry
        for start in starts.get(top.number, ()):
            if cells & start.cells:
                yield Path(start, needs, cells & start.cells)
        names = {entry.name, *(need.requirer.name for need in needs)}
        for need in graph.needs_on(top):
            above = need.requirer
            where = cells & need.cells & choice.chosen[above.number]
            if where and above.name not in names and above.number in distances:
                pushed += 1
                length = len(needs) + 1
                heapq.heappush(
                    queue, (length + distances[above.number], -length, pushed, (need, *needs), where)
                )


def _distances(graph: LockGraph, choice: Choice) -> dict[int, int]:
    """Return how many requirements lie at least between a list of a choice and each package."""
    below: dict[int, list[Need]] = {}
    for need in graph.needs:
        below.setdefault(need.requirer.number, []).append(need)
    found = dict.fromkeys((start.required.number for start in choice.starts), 0)
    queue = list(found)
    for number in queue:  # grows while it is walked
        for need in below.get(number, ()):
            if need.required.number not in found and need.cells & choice.chosen[need.required.number]:
                found[need.required.number] = found[number] + 1
                queue.append(need.required.number)
    return found
