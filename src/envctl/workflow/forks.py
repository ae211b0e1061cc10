"""Lists that conflict, resolved apart: as few resolutions as tell what every environment gets.

Each part of the conflicts is resolved once a fork while all other parts stay as in an environment that holds
nothing of them, or what the default one does. Where two parts do not meet in any package, what one changes
holds whatever the other does, and nothing more is needed: the number of resolutions is a sum. Parts that do
meet are joined, and resolved in every combination.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.lock.merge import project_name
from envctl.manifest.conflicts import Conflicts, Fork, Member, name_member
from envctl.model.resolution import Resolution, Resolved

#: Sets of members that one part, or parts that meet, may allow. Twice as many would still be resolved.
_MOST = 256

Forks = dict[Fork, tuple[Resolution, ...]]

#: A package of a target, by the target's place.
_Place = tuple[int, str]


def resolve_forks(
    conflicts: Conflicts, solve: Callable[[Fork, Forks], tuple[Resolution, ...]]
) -> tuple[Resolution, ...]:
    """Resolve what can be held together; ``solve`` is handed a fork and what those before it got.

    Raises:
        InputError: `too-many-conflicts`.
        Whatever ``solve`` does.
    """
    first = conflicts.complete()
    done: Forks = {}
    parts = conflicts.parts
    while True:
        forks = [_forks(conflicts, part) for part in parts]
        # Last what holds least: it can follow any of the others.
        for fork in (*(one for several in forks for one in several if one != first), first):
            if fork not in done:
                done[fork] = solve(fork, done)
        touched = [
            _touch(part, [done[fork] for fork in several]) for part, several in zip(parts, forks, strict=True)
        ]
        joined = _join(parts, touched, conflicts.order)
        if len(joined) == len(parts):
            return tuple(itertools.chain.from_iterable(done.values()))
        parts = joined


def _forks(conflicts: Conflicts, part: Sequence[Member]) -> tuple[Fork, ...]:
    holdings = tuple(itertools.islice(conflicts.holdings(part), _MOST + 1))
    if len(holdings) > _MOST:
        names = ", ".join(name_member(member) for member in part[:3])
        raise InputError(
            "too-many-conflicts",
            f"the conflicts of {names} and {len(part) - 3} more meet in some packages, and allow more than "
            f"{_MOST} combinations",
            hints=("Fewer sets in `[lock] conflicts`, or a manifest for some of them, leave fewer",),
        )
    return tuple(dict.fromkeys(map(conflicts.complete, holdings)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Touched:
    """What a part has to do with: packages that it ``changes``, all ``below`` those and its own lists.

    ``shared`` are those changed, and what is below, that not only its own lists reach. ``packages`` are all
    that any of its forks has.
    """

    changed: frozenset[_Place]
    below: frozenset[_Place]
    shared: frozenset[_Place]
    packages: Mapping[_Place, Sequence[Resolved]]

    def meets(self, other: _Touched) -> bool:
        """Whether what one of the two changes, or whether it is needed, may depend on the other."""
        return bool(
            self.changed & other.below
            or other.changed & self.below
            or self.shared & other.shared
            or any(
                not _are_same((*self.packages[place], *other.packages[place]))
                for place in self.below & other.below
            )
        )


def _touch(part: Sequence[Member], forks: Sequence[Sequence[Resolution]]) -> _Touched:
    packages: dict[_Place, list[Resolved]] = {}
    for fork in forks:
        for place, resolution in enumerate(fork):
            for name, package in resolution.packages.items():
                packages.setdefault((place, name), []).append(package)
    requires = {
        at: {(at[0], project_name(text)) for package in several for text in package.requires}
        for at, several in packages.items()
    }
    changed = {at for at, several in packages.items() if not _are_same(several)}
    own = {at for at, several in packages.items() if any(_reachers(one) & set(part) for one in several)}
    others = {at for at in changed if any(_is_reached_besides(one, part) for one in packages[at])}
    return _Touched(
        changed=frozenset(changed),
        below=frozenset(own | _closure(changed, requires)),
        shared=_closure(others, requires),
        packages=packages,
    )


def _are_same(packages: Sequence[Resolved]) -> bool:
    """Whether a project is resolved to the same everywhere, but for which lists reach it."""
    first = packages[0]
    return all(
        (one.version, one.requires, one.extras, one.artifacts)
        == (first.version, first.requires, first.extras, first.artifacts)
        for one in packages
    )


def _reachers(package: Resolved) -> frozenset[Member]:
    groups = (("group", name) for name in package.groups)
    return frozenset((*groups, *(("extra", name) for name in package.extras_of)))


def _is_reached_besides(package: Resolved, part: Sequence[Member]) -> bool:
    return package.in_base or bool(_reachers(package) - set(part))


def _closure(places: Iterable[_Place], requires: Mapping[_Place, Iterable[_Place]]) -> frozenset[_Place]:
    """Follow requirements down, in all forks at once."""
    found = set(places)
    queue = list(found)
    for place in queue:  # grows while it is walked
        fresh = set(requires.get(place, ())) - found
        found |= fresh
        queue += fresh
    return frozenset(found & requires.keys())


def _join(
    parts: Sequence[Sequence[Member]], touched: Sequence[_Touched], order: Sequence[Member]
) -> tuple[tuple[Member, ...], ...]:
    """Join the parts that meet."""
    joined: list[tuple[set[Member], list[_Touched]]] = []
    for part, touch in zip(parts, touched, strict=True):
        members, touches = set(part), [touch]
        for other in [one for one in joined if any(touch.meets(known) for known in one[1])]:
            joined.remove(other)
            members |= other[0]
            touches += other[1]
        joined.append((members, touches))
    joined.sort(key=lambda one: min(order.index(member) for member in one[0]))
    return tuple(tuple(member for member in order if member in members) for members, _ in joined)
