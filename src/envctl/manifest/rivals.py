"""``[lock] conflicts`` as written, and the lists that conflict through what they include.

A list that includes a member of a conflict (``{include-group = …}``, or the project's own extra) is a rival
of that member's rivals, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envctl.manifest.conflicts import Member, held_by, name_member
from envctl.manifest.document import Document
from envctl.manifest.locate import Path
from envctl.manifest.manifest import Asked, Declaration
from envctl.manifest.names import is_name, refuse_unknown
from envctl.model.names import normalise

Names = Mapping[str, object] | None


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
