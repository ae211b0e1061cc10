"""The three lists of requirements: dependencies, extras and dependency groups.

They come from ``env.toml`` or from ``pyproject.toml``, never from both, and are read the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.markers import Marker
from packaging.requirements import Requirement

from envctl.errors import InputError
from envctl.frozen import dataclass, field
from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.manifest import Asked
from envctl.manifest.names import is_name, normalise_keys, refuse_unknown
from envctl.manifest.near import suggest
from envctl.manifest.requirements import parse_requirement
from envctl.model.names import normalise

#: Stands in the lock for what the default environment holds, so no group can have it.
RESERVED_GROUP = "default"

#: No real list is longer; groups that include each other twice a level double with each.
_MOST_REQUIREMENTS = 100_000

#: An item of a group: a token for a requirement, or an include.
_Item = str | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The lists of one file, by normalised names, groups with what they include.

    ``extras`` and ``groups`` hold every name that is written down, those with mistakes too. ``includes``
    maps ``("group", "dev")`` to the lists that it includes, directly or through others.
    """

    dependencies: tuple[Asked, ...] = ()
    extras: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    includes: Mapping[tuple[str, str], frozenset[tuple[str, str]]] = field(default_factory=dict)


def parse_list(document: Document, key: Path, items: Sequence[str | None], *, by: str) -> tuple[Asked, ...]:
    """Parse one list of requirements; reports what `parse_requirement` does."""
    asked = []
    for place, text in enumerate(items):
        at = (*key, place)
        requirement = None if text is None else parse_requirement(document, at, text)
        if requirement is not None:
            asked.append(Asked(requirement=requirement, by=by, where=document.where(at)))
    return tuple(asked)


def parse_extras(
    document: Document, key: Path, table: Mapping[str, Sequence[str | None]]
) -> dict[str, tuple[Asked, ...]]:
    """Parse the optional dependencies. Source: PEP 621, PEP 685."""
    return {
        name: parse_list(document, (*key, written), items, by=f"extra {name}")
        for name, (written, items) in normalise_keys(document, key, table).items()
    }


def parse_groups(
    document: Document, key: Path, table: Mapping[str, Sequence[Any]]
) -> dict[str, tuple[Asked, ...]]:
    """Parse the dependency groups and follow their includes.

    Reports `reserved-name`, `unknown-group`, `group-cycle`, and what `parse_requirement` does. A
    requirement that came through an include keeps the list and the line it is written at.

    Source: PEP 735.
    """
    groups = normalise_keys(document, key, table)
    if RESERVED_GROUP in groups:
        document.refuse(
            "reserved-name",
            (*key, groups[RESERVED_GROUP][0]),
            f"is called {show(RESERVED_GROUP)}, which in the lock stands for what `env.default` holds",
            "give the group another name",
        )
    tokens: dict[str, Asked] = {}
    items = {
        name: _parse_group(document, (*key, written), entries, name=name, known=groups, tokens=tokens)
        for name, (written, entries) in groups.items()
    }
    try:
        _drop_cycles(document, key, {name: written for name, (written, _) in groups.items()}, items)
        return _expand(document, key, items, tokens)
    except RecursionError:
        document.refuse("group-too-large", key, "include each other in too long a chain")
        return dict.fromkeys(items, ())


def _parse_group(
    document: Document,
    key: Path,
    entries: Sequence[Any],
    *,
    name: str,
    known: Mapping[str, object],
    tokens: dict[str, Asked],
) -> list[_Item]:
    """Return the sound items of a group: includes, and for each requirement a token.

    The resolver of groups hands requirements on without their places. So it is given short names instead,
    which ``tokens`` turns back: that also saves parsing everything twice.
    """
    items: list[_Item] = []
    for place, entry in enumerate(entries):
        at = (*key, place)
        if isinstance(entry, str):
            requirement = parse_requirement(document, at, entry)
            if requirement is not None:
                token = f"r{len(tokens)}"
                tokens[token] = Asked(requirement=requirement, by=f"group {name}", where=document.where(at))
                items.append(token)
        elif isinstance(entry, dict) and "include-group" in entry:
            included = entry["include-group"]
            if is_name(included) and normalise(included) in known:
                items.append({"include-group": normalise(included)})
            else:
                refuse_unknown(document, at, included, known, kind="group")
    return items


def _drop_cycles(
    document: Document,
    key: Path,
    written: Mapping[str, str],
    items: dict[str, list[_Item]],
) -> None:
    """Report each circle once, and take the include that closes it out of ``items``."""
    while (closing := _find_cycle(items)) is not None:
        group, included = closing
        circle = "` → `".join((group, *_path_between(items, included, group)))
        place = _place_of(document, (*key, written[group]), included)
        document.refuse("group-cycle", place, f"closes a circle of includes: `{circle}`")
        items[group] = [item for item in items[group] if item != {"include-group": included}]


def _find_cycle(items: Mapping[str, list[_Item]]) -> tuple[str, str] | None:
    resolver = DependencyGroupResolver(
        {name: [item for item in entries if not isinstance(item, str)] for name, entries in items.items()}
    )
    for name in items:
        try:
            resolver.resolve(name)
        except ExceptionGroup as errors:
            cycles = [error for error in errors.exceptions if isinstance(error, CyclicDependencyGroup)]
            if not cycles:
                raise
            return normalise(cycles[0].group), normalise(cycles[0].include_group)
    return None


def _path_between(items: Mapping[str, list[_Item]], start: str, end: str) -> tuple[str, ...]:
    """Return a way of includes from ``start`` to ``end``, both included."""
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = [start]
    while waiting and end not in ways:
        group = waiting.pop(0)
        for item in items[group]:
            if not isinstance(item, str) and item["include-group"] not in ways:
                ways[item["include-group"]] = (*ways[group], item["include-group"])
                waiting.append(item["include-group"])
    return ways.get(end, (start, end))


def _place_of(document: Document, key: Path, included: str) -> Path:
    items: Any = document.data
    for part in key:
        items = items[part]
    for place, item in enumerate(items):
        if isinstance(item, dict) and normalise(str(item.get("include-group"))) == included:
            return (*key, place)
    return key


def _expand(
    document: Document, key: Path, items: Mapping[str, list[_Item]], tokens: Mapping[str, Asked]
) -> dict[str, tuple[Asked, ...]]:
    if _count_all(items) > _MOST_REQUIREMENTS:
        document.refuse(
            "group-too-large", key, f"hold more than {_MOST_REQUIREMENTS} requirements, includes followed"
        )
        return dict.fromkeys(items, ())
    resolver = DependencyGroupResolver(items)
    return {name: tuple(tokens[token.name] for token in resolver.resolve(name)) for name in items}


def _count_all(items: Mapping[str, list[_Item]]) -> int:
    """Count what the groups hold with their includes, without making it; there are no circles any more."""
    counts: dict[str, int] = {}

    def count(name: str) -> int:
        if name not in counts:
            counts[name] = sum(
                1 if isinstance(item, str) else count(item["include-group"]) for item in items[name]
            )
        return counts[name]

    return sum(count(name) for name in items)


def flatten(document: Document, lists: Lists, name: str) -> Lists:
    """Replace requirements that name the project itself, ``shop[postgres]``, by what its extras list.

    For a project that is not installed: its own dependencies are in every environment already, and an
    index must not be asked for a project that happens to have its name. Reports `unknown-extra`.
    """
    everything = (lists.dependencies, *lists.extras.values(), *lists.groups.values())
    for entry in dict.fromkeys(entry for entries in everything for entry in entries):
        if entry.requirement.name == name:
            _refuse_unknown_extras(document, entry, lists.extras)

    def expand(
        entries: Sequence[Asked], above: frozenset[str], seen: set[tuple[str, str]]
    ) -> tuple[Asked, ...]:
        flat: list[Asked] = []
        for entry in entries:
            if entry.requirement.name != name:
                flat.append(entry)
                continue
            marker = entry.requirement.marker
            for extra in sorted(entry.requirement.extras - above):
                if (extra, str(marker)) not in seen:
                    seen.add((extra, str(marker)))
                    listed = expand(lists.extras.get(extra, ()), above | {extra}, set() if marker else seen)
                    flat += [_also_when(asked, marker) for asked in listed]
        return tuple(flat)

    return Lists(
        dependencies=expand(lists.dependencies, frozenset(), set()),
        extras={extra: expand(entries, frozenset({extra}), set()) for extra, entries in lists.extras.items()},
        groups={group: expand(entries, frozenset(), set()) for group, entries in lists.groups.items()},
        includes=lists.includes,
    )


def _refuse_unknown_extras(document: Document, entry: Asked, extras: Mapping[str, object]) -> None:
    for extra in sorted(entry.requirement.extras - extras.keys()):
        document.add(
            InputError(
                "unknown-extra",
                f"{show(entry.requirement)} names the extra {show(extra)}, which there is not",
                where=entry.where,
                hints=suggest(extra, extras),
            )
        )


def _also_when(asked: Asked, marker: Marker | None) -> Asked:
    """Let ``asked`` hold only where ``marker`` is true too."""
    if marker is None:
        return asked
    own = asked.requirement.marker
    requirement = Requirement(str(asked.requirement))
    requirement.marker = marker if own is None else Marker(f"({own}) and ({marker})")
    return Asked(requirement=requirement, by=asked.by, where=asked.where)
