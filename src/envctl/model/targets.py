"""Targets by name: what a platform of the contract and a Python accept, whatever machine this is.

Source: PEP 508, "Environment Markers"; the tags are those of `envctl.model.tags`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from envctl.errors import InputError
from envctl.frozen import replace
from envctl.model.target import MACOS, WINDOWS, Target

_NAME = re.compile(
    r"(?P<system>linux|macos|windows)-(?P<machine>[a-z0-9_]+)(?:-(?P<library>glibc|musl)(?P<version>\d+\.\d+))?"
)
_PYTHON = re.compile(
    r"(?P<kind>pypy)?(?P<major>\d+)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?(?P<threads>t)?", re.ASCII
)
#: No minor version of Python has come this far.
_LAST_PATCH = 99

#: Of each system ``sys_platform``, ``platform_system`` and ``os_name``.
_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "macos": ("darwin", "Darwin", "posix"),
    "windows": ("win32", "Windows", "nt"),
}

#: The order in which targets are solved for: it decides which versions the others are asked to follow.
_ORDER = (
    "linux-x86_64",
    "linux-aarch64",
    "macos-arm64",
    "macos-x86_64",
    "windows-x86_64",
    "windows-arm64",
)


def is_known(name: str, python: str) -> bool:
    """Whether `make_target` knows this platform and this Python."""
    return _parse(name) is not None and _PYTHON.fullmatch(python) is not None


#: Gives the tags of a platform and a Python by their names, or calls to have them made.
RecallTags = Callable[[str, str, Callable[[], tuple[str, ...]]], tuple[str, ...]]


def make_target(name: str, python: str, *, recall_tags: RecallTags | None = None) -> Target:
    """Make the target of a platform and a Python; a minor version stands for all of its patch versions.

    ``recall_tags`` may know the tags already.

    Raises:
        InputError: `unknown-target`.
    """
    platform, version = _parse(name), _PYTHON.fullmatch(python)
    if platform is None or version is None:
        raise InputError(
            "unknown-target",
            f"`{name}` with Python `{python}` is no target that envctl can lock for",
            hints=(f"Known are {', '.join(f'`{each}`' for each in _ORDER)}",),
        )
    minor = f"{version['major']}.{version['minor']}"
    floor = f"{minor}.{version['patch'] or 0}"
    machine = platform["machine"]

    def make_tags() -> tuple[str, ...]:
        from envctl.model.tags import list_tags  # noqa: PLC0415 - 10 ms for packaging.tags

        return list_tags(platform.groupdict(), version.groupdict())

    return Target(
        name=name,
        python=python,
        floor=floor,
        ceiling=f"{minor}.{version['patch'] or _LAST_PATCH}",
        markers=_markers(
            platform["system"],
            WINDOWS[machine][0] if platform["system"] == "windows" else machine,
            floor,
            is_pypy=version["kind"] is not None,
        ),
        tags=make_tags() if recall_tags is None else recall_tags(name, python, make_tags),
    )


def sort_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Put targets into the order they are solved in: the newest Python first, then by platform."""

    def key(target: Target) -> tuple[list[int], int, str, str]:
        place = _ORDER.index(target.name) if target.name in _ORDER else len(_ORDER)
        numbers = [-int(number) for number in re.findall(r"\d+", target.floor)[:3]]
        return numbers, place, target.name, target.python

    return tuple(sorted(targets, key=key))


def join_alike(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Put targets into the order they are solved in, those with the same markers as one (glibc and musl)."""
    alike: dict[tuple[tuple[str, str], ...], list[Target]] = {}
    for target in sort_targets(targets):
        alike.setdefault(tuple(sorted(target.markers.items())), []).append(target)
    return tuple(replace(first, others=tuple(others)) for first, *others in alike.values())


def move_floor(target: Target, floor: str, ceiling: str) -> Target:
    """Narrow a target to a span of patch versions; its markers are evaluated at the new floor."""
    markers = {**target.markers, "python_full_version": floor}
    if markers["implementation_name"] == "cpython":
        markers["implementation_version"] = floor
    others = tuple(move_floor(other, floor, ceiling) for other in target.others)
    return replace(target, floor=floor, ceiling=ceiling, markers=markers, others=others)


def _parse(name: str) -> re.Match[str] | None:
    found = _NAME.fullmatch(name)
    if found is None or found["system"] == "linux":
        return found
    machines: Collection[str] = MACOS if found["system"] == "macos" else WINDOWS
    return None if found["library"] or found["machine"] not in machines else found


def _markers(system: str, machine: str, floor: str, *, is_pypy: bool) -> dict[str, str]:
    """Write the environment markers. What only a running machine knows is empty."""
    sys_platform, platform_system, os_name = _SYSTEMS[system]
    return {
        "implementation_name": "pypy" if is_pypy else "cpython",
        # That of PyPy is a version of its own, which the version of the language does not tell.
        "implementation_version": "7.3.0" if is_pypy else floor,
        "os_name": os_name,
        "platform_machine": machine,
        "platform_python_implementation": "PyPy" if is_pypy else "CPython",
        "platform_release": "",
        "platform_system": platform_system,
        "platform_version": "",
        "python_full_version": floor,
        "python_version": ".".join(floor.split(".")[:2]),
        "sys_platform": sys_platform,
    }
