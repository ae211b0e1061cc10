"""The wheel tags that a named platform and Python accept, best first; no tag knows a patch version.

Apart from `envctl.model.targets` because `packaging.tags` takes 10 ms to load, and tags can be kept.

Source: platform compatibility tags; PEP 600 (manylinux), PEP 656 (musllinux).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.tags import compatible_tags, cpython_tags, generic_tags, mac_platforms

from envctl.model.target import GLIBC, MACOS, WINDOWS

#: The glibc with which each older name of a manylinux began (PEP 600, "Legacy manylinux tags").
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_LEGACY_MACHINES = {"manylinux2010": {"x86_64", "i686"}, "manylinux1": {"x86_64", "i686"}}


def list_tags(platform: Mapping[str, str | None], version: Mapping[str, str | None]) -> tuple[str, ...]:
    """List the tags; the two are the groups of `envctl.model.targets`' patterns."""
    return tuple(map(str, _tags(version, list(_platforms(platform)))))


def _tags(version: Mapping[str, str | None], platforms: Sequence[str]) -> Iterator[object]:
    language = (int(version["major"] or 0), int(version["minor"] or 0))
    digits = f"{language[0]}{language[1]}"
    if version["kind"]:
        yield from generic_tags(f"pp{digits}", [f"pypy{digits}_pp73"], platforms)
        yield from compatible_tags(language, "pp3", platforms)
    else:
        yield from cpython_tags(language, [f"cp{digits}{version['threads'] or ''}"], platforms)
        yield from compatible_tags(language, f"cp{digits}", platforms)


def _platforms(platform: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the platform tags of a named platform, best first."""
    machine = platform["machine"] or ""
    match platform["system"]:
        case "macos":
            yield from mac_platforms(MACOS[machine], machine)
        case "windows":
            yield WINDOWS[machine][1]
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
