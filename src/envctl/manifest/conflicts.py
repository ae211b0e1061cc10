"""``[lock] conflicts``: which groups and extras one environment may not hold together.

A conflict is written as a set of members; of each set an environment holds at most one. Two members of
one set are *rivals*.

Rivals, and rivals of rivals, are a *part*. What is resolved together is a *fork*: of each part none, or as
many members as can be without rivals. Each set of members that an environment may hold belongs to one
fork, found by `Conflicts.complete`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from envctl.frozen import dataclass, field
from envctl.manifest.manifest import Declaration, Manifest

#: A list that can be selected: ``("group", "cpu")`` or ``("extra", "fast")``.
Member = tuple[str, str]

#: Members of conflicts that are resolved together.
Fork = frozenset[Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The rivals of each member, and its parts; ``order`` has those first that the default environment holds.

    These are ``preferred``: they are in every fork that has no rival of theirs.
    """

    order: tuple[Member, ...] = ()
    preferred: frozenset[Member] = frozenset()
    rivals: Mapping[Member, frozenset[Member]] = field(default_factory=dict)
    parts: tuple[tuple[Member, ...], ...] = ()

    def are_allowed(self, held: Collection[Member]) -> bool:
        """Whether an environment may hold these members together."""
        return not any(other in self.rivals.get(member, ()) for member in held for other in held)

    def complete(self, held: Collection[Member] = ()) -> Fork:
        """Return the fork that ``held`` belongs to: of parts that it has to do with, those that fit join it.

        What holds nothing of a part is held back by none of its members.
        """
        fork = set(held)
        for part in self.parts:
            if not self.preferred.isdisjoint(part) or not fork.isdisjoint(part):
                for member in part:
                    if self.are_allowed((*fork.intersection(part), member)):
                        fork.add(member)
        return frozenset(fork)

    def holdings(self, members: Sequence[Member]) -> Iterator[Fork]:
        """Yield every set of ``members`` that an environment may hold; there may be very many."""
        if not members:
            yield frozenset()
            return
        for held in self.holdings(members[1:]):
            yield held
            if self.are_allowed((*held, members[0])):
                yield held | {members[0]}


def conflicts_of(manifest: Manifest) -> Conflicts:
    """Return the conflicts of a manifest."""
    rivals: dict[Member, set[Member]] = {}
    for several in manifest.lock.conflicts:
        for member in several:
            rivals.setdefault(member, set()).update(set(several) - {member})
    held = held_by(manifest.environments["default"])
    order = tuple(sorted(rivals, key=lambda member: (member not in held, member)))
    return Conflicts(
        order=order,
        preferred=held & rivals.keys(),
        rivals={member: frozenset(rivals[member]) for member in order},
        parts=_split(order, rivals),
    )


def _split(
    order: Sequence[Member], rivals: Mapping[Member, Collection[Member]]
) -> tuple[tuple[Member, ...], ...]:
    """Split members where nobody on one side is a rival of anybody on the other."""
    left = list(order)
    parts = []
    while left:
        part = [left[0]]
        for member in part:  # grows while it is walked
            part += [other for other in left if other in rivals[member] and other not in part]
        parts.append(tuple(member for member in order if member in part))
        left = [member for member in left if member not in part]
    return tuple(parts)


def held_by(declaration: Declaration) -> frozenset[Member]:
    """Return the groups and extras that an environment holds."""
    groups = (("group", name) for name in declaration.groups)
    return frozenset((*groups, *(("extra", name) for name in declaration.extras)))


def name_member(member: Member) -> str:
    """Name a group or an extra for people."""
    return f"{member[0]} `{member[1]}`"
