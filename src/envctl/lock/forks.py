"""What is selected together from a lock whose lists conflict: its forks, and markers for sets of them.

The lock does not say which parts of the conflicts were joined when it was resolved. So it is read for every
combination of them, as long as these are few. Where they are many, only parts that one marker names
together are combined, and of all others each fork holds nothing, or what the default environment does.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Sequence

from envctl.lock.choices import Choices, Region, simplify
from envctl.lock.grid import Grid, both, either
from envctl.manifest.conflicts import Conflicts, Fork, Member

#: Combinations of what may be held that are all looked at; each costs as much as a lock without conflicts.
_MOST = 64

_NAMED = re.compile(r"""['"]([^'"]+)['"] (?:not )?in (dependency_groups|extras)""")
_KINDS = {"dependency_groups": "group", "extras": "extra"}


class LockForks:
    """The forks of a lock, in an order; there is one where nothing conflicts.

    With members that are ``held`` only the fork that these belong to. ``markers`` are those of the lock.
    """

    def __init__(
        self,
        conflicts: Conflicts | None = None,
        markers: Iterable[str] = (),
        *,
        held: Collection[Member] | None = None,
    ) -> None:
        self._conflicts = conflicts or Conflicts()
        self._held = frozenset(held or ()) & self._conflicts.rivals.keys()
        self._choices: tuple[Choices, ...] = ()
        if held is None:
            parts = _join(self._conflicts, markers)
            self._choices = tuple(Choices(self._conflicts, members) for members in parts)
        first = self._conflicts.complete(self._held)
        self.all = tuple(dict.fromkeys((first, *(fork for one in self._choices for fork in one.forks))))

    def holding(self, fork: Fork, member: Member | None = None) -> Fork | None:
        """Return the least that an environment with a list holds of conflicts to be in a fork.

        None where it cannot be: the list is a member that the fork has not. Without a ``member`` it is a list
        that conflicts with none.
        """
        own = {member} & self._conflicts.rivals.keys()
        if not own <= fork:
            return None
        kept = set(fork)
        for one in sorted(fork - own, key=lambda one: (one in self._held, one)):
            if self._conflicts.complete(kept - {one}) == fork:
                kept.remove(one)
        return frozenset(kept)

    def describe(self, rows: Sequence[int], among: Sequence[int], grid: Grid) -> str | None:
        """Write a marker that holds exactly for ``rows``: a set of targets for each fork.

        Where no targets are ``among`` a fork it may hold or not. None where it always does.
        """
        counted = [row for row, wanted in zip(rows, among, strict=True) if wanted]
        if len(set(counted)) < 2:
            conditions = grid.simplify(counted[0]) if counted else ()
            return either(conditions) if conditions else None
        conditions = ()
        for choices in self._choices:
            places = [self.all.index(fork) for fork in choices.forks]
            region = Region(tuple(rows[place] for place in places), choices)
            free = tuple(0 if among[place] else grid.all for place in places)
            if len({row for row, one in zip(region.rows, free, strict=True) if not one}) < 2:
                continue
            more = simplify(region, free, grid)
            # What the first fork has a part takes away, and what it has not a part adds.
            conditions = (both(conditions, more),) if conditions and rows[0] else (*conditions, *more)
        return either(conditions) if conditions else None


def _join(conflicts: Conflicts, markers: Iterable[str]) -> tuple[tuple[Member, ...], ...]:
    """Say which members are looked at in all combinations."""
    if not conflicts.order:
        return ()
    if _are_few(conflicts, conflicts.order):
        return (conflicts.order,)
    joined = conflicts.parts
    for text in dict.fromkeys(markers):
        named = {(_KINDS[kind], name) for name, kind in _NAMED.findall(text)}
        together = [part for part in joined if not named.isdisjoint(part)]
        several = tuple(itertools.chain.from_iterable(together))
        if len(together) > 1 and _are_few(conflicts, several):
            joined = (*(part for part in joined if part not in together), several)
    return joined


def _are_few(conflicts: Conflicts, members: Sequence[Member]) -> bool:
    return len(tuple(itertools.islice(conflicts.holdings(members), _MOST + 1))) <= _MOST
