"""Targets by name: what a platform of the contract and a Python accept, whatever machine this is.

Apart from `envctl.model.target` because it needs packaging, which a run without locking does not.

Source: platform compatibility tags; PEP 600 (manylinux), PEP 656 (musllinux); PEP 508, "Environment Markers".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from packaging.tags import compatible_tags, cpython_tags, generic_tags, mac_platforms

from envctl.errors import InputError
from envctl.model.target import GLIBC, MACOS, Target

_NAME = re.compile(
    r"(?P<system>linux|macos|windows)-(?P<machine>[a-z0-9_]+)(?:-(?P<library>glibc|musl)(?P<version>\d+\.\d+))?"
)
_PYTHON = re.compile(
    r"(?P<kind>pypy)?(?P<major>\d+)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?(?P<threads>t)?", re.ASCII
)
#: No minor version of Python has come this far.
_LAST_PATCH = 99

#: The glibc with which each older name of a manylinux began (PEP 600, "Legacy manylinux tags").
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_LEGACY_MACHINES = {"manylinux2010": {"x86_64", "i686"}, "manylinux1": {"x86_64", "i686"}}

#: Of each system ``sys_platform``, ``platform_system`` and ``os_name``.
_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "macos": ("darwin", "Darwin", "posix"),
    "windows": ("win32", "Windows", "nt"),
}
_WINDOWS = {"x86_64": ("AMD64", "win_amd64"), "arm64": ("ARM64", "win_arm64"), "x86": ("x86", "win32")}

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


def make_target(name: str, python: str) -> Target:
    """Make the target of a platform and a Python; a minor version stands for all of its patch versions.

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
    return Target(
        name=name,
        python=python,
        floor=floor,
        ceiling=f"{minor}.{version['patch'] or _LAST_PATCH}",
        markers=_markers(
            platform["system"],
            _WINDOWS[machine][0] if platform["system"] == "windows" else machine,
            floor,
            is_pypy=version["kind"] is not None,
        ),
        tags=tuple(map(str, _tags(version, list(_platforms(platform))))),
    )


def sort_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Put targets into the order they are solved in: the newest Python first, then by platform."""

    def key(target: Target) -> tuple[list[int], int, str, str]:
        place = _ORDER.index(target.name) if target.name in _ORDER else len(_ORDER)
        numbers = [-int(number) for number in re.findall(r"\d+", target.floor)[:3]]
        return numbers, place, target.name, target.python

    return tuple(sorted(targets, key=key))


def move_floor(target: Target, floor: str, ceiling: str) -> Target:
    """Narrow a target to a span of patch versions; its markers are evaluated at the new floor."""
    markers = {**target.markers, "python_full_version": floor}
    if markers["implementation_name"] == "cpython":
        markers["implementation_version"] = floor
    return Target(
        name=target.name,
        python=target.python,
        floor=floor,
        ceiling=ceiling,
        markers=markers,
        tags=target.tags,
    )


def _parse(name: str) -> re.Match[str] | None:
    found = _NAME.fullmatch(name)
    if found is None or found["system"] == "linux":
        return found
    machines: Collection[str] = MACOS if found["system"] == "macos" else _WINDOWS
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


def _tags(version: re.Match[str], platforms: Sequence[str]) -> Iterator[object]:
    """Yield the tags, best first; no tag knows a patch version."""
    language = (int(version["major"]), int(version["minor"]))
    digits = f"{language[0]}{language[1]}"
    if version["kind"]:
        yield from generic_tags(f"pp{digits}", [f"pypy{digits}_pp73"], platforms)
        yield from compatible_tags(language, "pp3", platforms)
    else:
        yield from cpython_tags(language, [f"cp{digits}{version['threads'] or ''}"], platforms)
        yield from compatible_tags(language, f"cp{digits}", platforms)


def _platforms(platform: re.Match[str]) -> Iterator[str]:
    """Yield the platform tags of a named platform, best first."""
    machine = platform["machine"]
    match platform["system"]:
        case "macos":
            yield from mac_platforms(MACOS[machine], machine)
        case "windows":
            yield _WINDOWS[machine][1]
        case _:
            yield f"linux_{machine}"
            given = platform["version"]
            library = tuple(map(int, given.split("."))) if given else GLIBC
            yield from (_musllinux if platform["library"] == "musl" else _manylinux)(library, machine)


def _manylinux(glibc: tuple[int, ...], machine: str) -> Iterator[str]:
    # Older ones are only for the two architectures that had them.
    oldest = 5 if machine in {"x86_64", "i686"} else 17
    for minor in range(glibc[1], oldest - 1, -1):
        yield f"manylinux_{glibc[0]}_{minor}_{machine}"
        legacy = _LEGACY.get((glibc[0], minor))
        if legacy is not None and machine in _LEGACY_MACHINES.get(legacy, {machine}):
            yield f"{legacy}_{machine}"


def _musllinux(musl: tuple[int, ...], machine: str) -> Iterator[str]:
    for minor in range(musl[1], -1, -1):
        yield f"musllinux_{musl[0]}_{minor}_{machine}"
