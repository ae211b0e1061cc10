"""The markers of a lock: which machines it is for, and where and through which lists a package is chosen.

Source: PEP 751, "Marker Expression Syntax" (``extras`` and ``dependency_groups``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from envctl.frozen import dataclass
from envctl.lock.choices import Region, is_held, simplify
from envctl.lock.grid import Grid, both, either, version_key
from envctl.manifest.conflicts import Member
from envctl.model.target import Target

# Stands for what `[env.default]` holds; a group of a manifest may not have this name.
DEFAULT_GROUP = "default"

#: A border between versions: of the first patch version that belongs to what follows.
_Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a package is reached from one list: the dependencies (None), a group or an extra.

    ``covered`` has, for each row of ``region``, where the lists before it choose the package anyway.
    """

    member: Member | None
    region: Region
    covered: Sequence[int]


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


def reach_marker(reaches: Iterable[Reach], grid: Grid) -> str | None:
    """Write the marker of a package; None where it is chosen everywhere and always.

    What the default environment holds is reached by the group `DEFAULT_GROUP` too, so that an installer
    without options makes that environment. The dependencies come first.
    """
    parts: list[str] = []
    clauses: dict[tuple[str, ...], list[str]] = {}
    for reach in reaches:
        if not any(row & ~known for row, known in zip(reach.region.rows, reach.covered, strict=True)):
            continue
        where = simplify(reach.region, reach.covered, grid)
        if reach.member is not None:
            clauses.setdefault(where, []).append(is_held(reach.member))
        elif not where:
            return None
        else:
            parts += where
    for where, lists in clauses.items():
        parts += [both(lists, where)] if where else lists
    return either(parts)


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
