"""Which lists reach a package of the lock, where, and what of the conflicts that depends on.

Parts of the conflicts that meet in a package were joined when they were resolved. So what a list
reaches depends on what an environment holds of one of them at most.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from envctl.lock.choices import Choices, Region
from envctl.lock.markers import DEFAULT_GROUP, Reach
from envctl.manifest.conflicts import Conflicts, Fork, Member

#: By list (None for the dependencies) and fork: the targets where it reaches one package of the lock.
Reached = Mapping[Member | None, Mapping[Fork, int]]

_DEFAULT: Member = ("group", DEFAULT_GROUP)


class Reaches:
    """The lists of a lock that was resolved in ``forks``; the default environment holds ``default``."""

    def __init__(self, conflicts: Conflicts, forks: Iterable[Fork], default: Collection[Member]) -> None:
        self._first = conflicts.complete()
        self._choices = [
            Choices(conflicts, members) for members in _join(conflicts.parts, self._first, forks)
        ]
        self._default = default

    def of(self, reached: Reached) -> Iterator[Reach]:
        """Yield how a package is reached: by the dependencies, the default, groups and extras."""
        base = self._region(reached.get(None, {}))
        yield Reach(None, base, (0,) * len(base.rows))
        lists = sorted(
            (member for member in reached if member is not None), key=lambda one: (one[0] != "group", one)
        )
        members = {one: choices for one in lists for choices in self._choices if choices.having(one)}
        covered = {choices: _covered(base, choices, reached, members) for choices in (None, *self._choices)}
        for choices, several in self._default_regions(
            [one for one in lists if one in self._default], reached
        ):
            yield Reach(_DEFAULT, Region(tuple(several), choices), covered[choices])
        for one in lists:
            if one in members:
                yield _reach_of(one, members[one], reached[one], base)
            else:
                region = self._region(reached[one])
                yield Reach(one, region, covered[region.choices])

    def _region(self, by_fork: Mapping[Fork, int]) -> Region:
        regions = [_region_on(choices, by_fork) for choices in self._choices]
        varied = [region for region in regions if len(set(region.rows)) > 1]
        if len(varied) > 1:
            raise RuntimeError("what a list reaches depends on two parts of the conflicts")
        return varied[0] if varied else Region((by_fork.get(self._first, 0),))

    def _default_regions(
        self, lists: Iterable[Member], reached: Reached
    ) -> Iterable[tuple[Choices | None, Sequence[int]]]:
        """Return what the default environment's lists reach together, for each part they depend on."""
        rows: dict[Choices | None, list[int]] = {}
        for one in lists:
            region = self._region(reached[one])
            known = rows.setdefault(region.choices, [0] * len(region.rows))
            known[:] = [row | more for row, more in zip(known, region.rows, strict=True)]
        return rows.items()


def _region_on(choices: Choices, by_fork: Mapping[Fork, int]) -> Region:
    return Region(tuple(by_fork.get(fork, 0) for fork in choices.forks), choices)


def _reach_of(member: Member, choices: Choices, by_fork: Mapping[Fork, int], base: Region) -> Reach:
    """Tell where a member reaches; where it is not held, its own name says so already."""
    region = _region_on(choices, by_fork)
    held = [member in holding for holding in choices.holdings]
    return Reach(
        member,
        Region(tuple(row if is_held else 0 for row, is_held in zip(region.rows, held, strict=True)), choices),
        tuple(row if is_held else -1 for row, is_held in zip(base.on(choices), held, strict=True)),
    )


def _covered(
    base: Region, choices: Choices | None, reached: Reached, members: Mapping[Member, Choices]
) -> tuple[int, ...]:
    """Say where the dependencies, and the members that are held, choose the package anyway."""
    rows = base.on(choices)
    for member, own in members.items():
        if choices is own:
            more = _reach_of(member, own, reached[member], base).region.rows
            rows = tuple(row | one for row, one in zip(rows, more, strict=True))
    return rows


def _join(parts: Iterable[Sequence[Member]], first: Fork, forks: Iterable[Fork]) -> list[tuple[Member, ...]]:
    """Join the parts that were resolved in combinations: those in which one fork differs from the first."""
    joined = [tuple(part) for part in parts]
    for fork in forks:
        together = [part for part in joined if fork & set(part) != first & set(part)]
        if len(together) > 1:
            joined = [part for part in joined if part not in together]
            joined.append(tuple(itertools.chain.from_iterable(together)))
    return joined
