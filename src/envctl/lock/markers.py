"""The markers of a lock: which machines it is for, and where and through which lists a package is chosen.

Source: PEP 751, "Marker Expression Syntax" (``extras`` and ``dependency_groups``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from envctl.frozen import dataclass, field
from envctl.lock.grid import Grid, both, either, version_key
from envctl.model.target import Target

# Stands for what `[env.default]` holds; a group of a manifest may not have this name.
DEFAULT_GROUP = "default"

#: A border between versions: of the first patch version that belongs to what follows.
_Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """In which cells a package is reached: from the dependencies, and from each group and extra."""

    base: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)
    extras: Mapping[str, int] = field(default_factory=dict)


def environment_markers(targets: Iterable[Target]) -> tuple[str, ...]:
    """Write one marker a platform, its Pythons folded into ranges; sorted by platform.

    Without ``implementation_name`` another implementation would be let in with a lock never solved
    for it.
    """
    platforms: dict[tuple[str, str, str], list[Target]] = {}
    for target in targets:
        markers = target.markers
        platform = (markers["sys_platform"], markers["platform_machine"], markers["implementation_name"])
        platforms.setdefault(platform, []).append(target)
    result = []
    for (system, machine, implementation), several in sorted(platforms.items()):
        where = (
            f"sys_platform == '{system}' and platform_machine == '{machine}' "
            f"and implementation_name == '{implementation}'"
        )
        result += [f"{where} and {span}" for span in _spans(several)]
    return tuple(result)


def lowest_python(targets: Iterable[Target]) -> str:
    """Write ``requires-python``: the lowest version; the environments say the rest."""
    lowest = min(version_key(target.floor)[: 3 if target.python == target.floor else 2] for target in targets)
    return f">={_join(lowest)}"


def reach_marker(reach: Reach, default: Reach, grid: Grid) -> str | None:
    """Write the marker of a package; None where it is chosen everywhere and always.

    ``default`` has in ``groups`` and ``extras`` only what the default environment holds: what they reach is
    chosen by the default group too, so that an installer without options makes that environment.
    """
    if reach.base == grid.all:
        return None
    clauses: dict[int, list[str]] = {}
    for clause, cells in _list_clauses(reach, default):
        # Where the dependencies reach it, a list adds nothing.
        if cells & ~reach.base:
            clauses.setdefault(cells | reach.base, []).append(clause)
    parts = list(grid.simplify(reach.base)) if reach.base else []
    for cells, lists in clauses.items():
        where = grid.simplify(cells, reach.base)
        parts += [both(lists, where)] if where else lists
    return either(parts)


def _list_clauses(reach: Reach, default: Reach) -> Iterable[tuple[str, int]]:
    cells = 0
    for several in (*default.groups.values(), *default.extras.values()):
        cells |= several
    yield f"'{DEFAULT_GROUP}' in dependency_groups", cells
    for name, several in sorted(reach.groups.items()):
        yield f"'{name}' in dependency_groups", several
    for name, several in sorted(reach.extras.items()):
        yield f"'{name}' in extras", several


def _spans(targets: Sequence[Target]) -> list[str]:
    """Write the Pythons of one platform: whole minor versions folded, exact ones each for itself."""
    exact = sorted({target.floor for target in targets if target.python == target.floor}, key=version_key)
    # A minor version that was cut at a patch version is covered by its parts.
    minors = sorted({version_key(target.floor)[:2] for target in targets if target.floor not in exact})
    spans = [
        f"python_version == '{_join(span[0])}'"
        if len(span) == 1
        else f"python_version >= '{_join(span[0])}' and python_version <= '{_join(span[-1])}'"
        for span in _fold(minors)
    ]
    return spans + [f"python_full_version == '{version}'" for version in exact]


def _fold(minors: Sequence[_Version]) -> list[list[_Version]]:
    """Fold neighbouring minor versions."""
    runs = itertools.groupby(enumerate(minors), key=lambda pair: (pair[1][0], pair[1][1] - pair[0]))
    return [[minor for _, minor in run] for _, run in runs]


def _join(version: _Version) -> str:
    return ".".join(map(str, version))
