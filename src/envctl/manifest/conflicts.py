"""``[lock] conflicts``: which groups and extras one environment may not hold together.

A conflict is written as a set of members; of each set an environment holds at most one. Two members of
one set are *rivals*. A list that includes a member (``{include-group = …}``, or the project's own extra)
is a rival of that member's rivals, too.

Rivals, and rivals of rivals, are a *part*. What is resolved together is a *fork*: of each part none, or as
many members as can be without rivals. Each set of members that an environment may hold belongs to one
fork, found by `Conflicts.complete`.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from envctl.frozen import dataclass, field
from envctl.manifest.document import Document
from envctl.manifest.locate import Path
from envctl.manifest.manifest import Asked, Declaration, Manifest
from envctl.manifest.names import is_name, refuse_unknown
from envctl.model.names import normalise

#: A list that can be selected: ``("group", "cpu")`` or ``("extra", "fast")``.
Member = tuple[str, str]

#: Members of conflicts that are resolved together.
Fork = frozenset[Member]

Names = Mapping[str, object] | None


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


def find_includes(
    groups: Mapping[str, Sequence[Any]],
    lists: Mapping[str, Mapping[str, Sequence[Asked]]],
    name: str | None = None,
) -> dict[Member, frozenset[Member]]:
    """Map each list to those that it includes, directly or through others.

    ``groups`` are as written, with their includes; ``lists`` are groups and extras, by kind. ``name`` is the
    project's own: a requirement of it includes the extras it names.
    """
    direct: dict[Member, set[Member]] = {
        (kind, key): {
            ("extra", extra)
            for one in asked
            if one.requirement.name == name
            for extra in one.requirement.extras
        }
        for kind, several in lists.items()
        for key, asked in several.items()
    }
    for written, entries in groups.items():
        for entry in entries:
            included = entry.get("include-group") if isinstance(entry, dict) else None
            if isinstance(included, str) and is_name(included):
                direct.setdefault(("group", normalise(written)), set()).add(("group", normalise(included)))
    return {member: _closure(member, direct) for member in direct}


def _closure(member: Member, direct: Mapping[Member, Iterable[Member]]) -> frozenset[Member]:
    found = dict.fromkeys(direct[member])
    queue = list(found)
    for one in queue:  # grows while it is walked
        fresh = [other for other in direct.get(one, ()) if other not in found]
        found.update(dict.fromkeys(fresh))
        queue += fresh
    return frozenset(found) - {member}


def parse_conflicts(
    document: Document,
    items: Sequence[Sequence[Mapping[str, str] | None] | None],
    *,
    groups: Names,
    extras: Names,
    includes: Mapping[Member, frozenset[Member]],
) -> tuple[tuple[Member, ...], ...]:
    """Parse ``[lock] conflicts``: the sets as written, then the pairs that are rivals through includes.

    Reports `bad-value`, `unknown-group`, `unknown-extra`, and `conflicting-lists` for a list that includes
    members which conflict.
    """
    conflicts = []
    for place, members in enumerate(items):
        key = ("lock", "conflicts", place)
        found = [
            _parse_member(document, (*key, number), member, groups=groups, extras=extras)
            for number, member in enumerate(members or ())
            if member is not None
        ]
        known = tuple(dict.fromkeys(member for member in found if member is not None))
        is_repeated = len(known) == 1 and found.count(known[0]) == len(members or ())
        if members is not None and (len(members) < 2 or is_repeated):
            document.refuse("bad-value", key, "has fewer than two members", "[{group = …}, {group = …}]")
        conflicts.append(known)
    return (*conflicts, *_inherit(document, conflicts, includes))


def _parse_member(
    document: Document, key: Path, member: Mapping[str, str], *, groups: Names, extras: Names
) -> Member | None:
    if len(member) != 1:
        document.refuse("bad-value", key, "is not one group or one extra", "{group = …} or {extra = …}")
        return None
    ((kind, text),) = member.items()
    known = groups if kind == "group" else extras
    if known is not None and normalise(text) not in known:
        refuse_unknown(document, key, text, known, kind=kind)
        return None
    return kind, normalise(text)


def _inherit(
    document: Document, conflicts: Sequence[Sequence[Member]], includes: Mapping[Member, frozenset[Member]]
) -> tuple[tuple[Member, ...], ...]:
    written = {frozenset(pair) for several in conflicts for pair in itertools.combinations(several, 2)}
    pairs = set()
    for several in conflicts:
        # Who brings each member in: itself, and the lists that include it.
        bringers = [
            (member, [member, *(one for one in sorted(includes) if member in includes[one])])
            for member in several
        ]
        for (first, some), (second, others) in itertools.combinations(bringers, 2):
            for one, other in itertools.product(some, others):
                if one == other:
                    _refuse_include(document, one, (first, second))
                pairs.add(frozenset((one, other)))
    return tuple(sorted(tuple(sorted(pair)) for pair in pairs - written if len(pair) > 1))


def _refuse_include(document: Document, including: Member, conflict: tuple[Member, Member]) -> None:
    names = " and ".join(name_member(member) for member in conflict if member != including)
    both = "" if including in conflict else "both "
    with_whom = ", with which it conflicts" if including in conflict else ", which conflict"
    document.refuse(
        "conflicting-lists",
        ("lock", "conflicts"),
        f"cannot hold: {name_member(including)} includes {both}{names}{with_whom}",
    )


def refuse_conflicts(
    document: Document, environments: Mapping[str, Declaration], conflicts: Sequence[Sequence[Member]]
) -> None:
    """Report environments that hold two members of a conflict: `conflicting-lists`."""
    for name, declaration in environments.items():
        held = held_by(declaration)
        for conflict in conflicts:
            both = [name_member(member) for member in conflict if member in held]
            if len(both) > 1:
                document.refuse(
                    "conflicting-lists", ("env", name), f"holds {' and '.join(both)}, which conflict"
                )
