"""The markers of a lock: which machines it is for, and which lists reach a package.

Source: PEP 751, "Marker Expression Syntax" (``extras`` and ``dependency_groups``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.model.resolution import Resolved
from envctl.model.target import Target

# Stands for what `[env.default]` holds; a group of a manifest may not have this name.
DEFAULT_GROUP = "default"


def environment_markers(targets: Iterable[Target]) -> tuple[str, ...]:
    """Write one marker a platform, its Pythons folded into a range; sorted by platform.

    Without ``implementation_name`` another implementation would be let in with a lock never solved
    for it.
    """
    minors: dict[tuple[str, str, str], set[int]] = {}
    for target in targets:
        markers = target.markers
        platform = (markers["sys_platform"], markers["platform_machine"], markers["implementation_name"])
        minors.setdefault(platform, set()).add(_minor(target.python))
    result = []
    for (system, machine, implementation), numbers in sorted(minors.items()):
        where = (
            f"sys_platform == '{system}' and platform_machine == '{machine}' "
            f"and implementation_name == '{implementation}'"
        )
        result += [f"{where} and {span}" for span in _spans(sorted(numbers))]
    return tuple(result)


def lowest_python(targets: Iterable[Target]) -> str:
    """Write ``requires-python``: the lowest minor version; the environments say the rest."""
    return f">=3.{min(_minor(target.python) for target in targets)}"


def list_marker(package: Resolved, *, groups: Sequence[str], extras: Sequence[str]) -> str | None:
    """Write the marker of a package that only groups or extras reach; None for a dependency.

    ``groups`` and ``extras`` are what the default environment holds: what they reach is chosen by the
    default group too, so that an installer without options makes that environment.
    """
    if package.in_base:
        return None
    is_default = not package.groups.isdisjoint(groups) or not package.extras_of.isdisjoint(extras)
    names = [*([DEFAULT_GROUP] if is_default else []), *sorted(package.groups)]
    clauses = [f"'{name}' in dependency_groups" for name in names]
    clauses += [f"'{name}' in extras" for name in sorted(package.extras_of)]
    return " or ".join(clauses)


def _minor(python: str) -> int:
    return int(python.split(".")[1])


def _spans(numbers: list[int]) -> list[str]:
    """Fold neighbouring minor versions into one condition each."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return [
        f"python_version == '3.{span[0]}'"
        if len(span) == 1
        else f"python_version >= '3.{span[0]}' and python_version <= '3.{span[-1]}'"
        for span in spans
    ]
