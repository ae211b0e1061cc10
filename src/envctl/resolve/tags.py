"""Many wheel tags in a few words: for which Pythons and machines there are wheels."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SYSTEMS = {"manylinux": "linux", "linux": "linux", "musllinux": "linux", "macosx": "macos", "win": "windows"}
_MACHINES = {"amd64": "x86_64", "win32": "x86", "intel": "x86_64", "universal2": "arm64"}
_INTERPRETERS = {"py": "Python", "pp": "PyPy", "cp": "CPython"}
_PLATFORM = re.compile(
    r"(?P<system>manylinux|musllinux|linux|macosx|win)[a-z0-9]*?_(?:\d+_\d+_)?(?P<machine>\w+)"
)


def describe_tags(tags: Iterable[str]) -> str:
    """Describe compressed tags: ``CPython 3.7 to 3.10 on linux-x86_64 and windows-x86_64``.

    Source: platform compatibility tags.
    """
    minors: set[int] = set()
    others: dict[str, None] = {}
    places: dict[str, None] = {}
    for tag in tags:
        interpreters, abis, platforms = tag.split("-")
        for interpreter in interpreters.split("."):
            if (found := re.fullmatch(r"cp3(\d+)", interpreter)) is not None:
                minors.add(int(found[1]))
                if "abi3" in abis:
                    others[f"CPython 3.{found[1]} and newer"] = None
            else:
                others[_name_interpreter(interpreter)] = None
        places.update(dict.fromkeys(map(_name_platform, platforms.split("."))))
    pythons = [*([f"CPython {_spans(sorted(minors))}"] if minors else []), *sorted(others)]
    return f"{', '.join(pythons)} on {', '.join(sorted(places))}"


def _name_interpreter(text: str) -> str:
    found = re.fullmatch(r"(py|pp|cp)(\d)(\d*)", text)
    if found is None:
        return text
    minor = f".{found[3]}" if found[3] else ""
    return f"{_INTERPRETERS[found[1]]} {found[2]}{minor}"


def _name_platform(text: str) -> str:
    if text == "any":
        return "any machine"
    if text == "win32":
        return "windows-x86"
    found = _PLATFORM.fullmatch(text)
    if found is None:
        return text
    machine = found["machine"]
    return f"{_SYSTEMS[found['system']]}-{_MACHINES.get(machine, machine)}"


def _spans(minors: list[int]) -> str:
    """Write minor versions as spans of neighbours: ``3.6 to 3.8, 3.10``."""
    spans: list[list[int]] = []
    for minor in minors:
        if spans and spans[-1][-1] == minor - 1:
            spans[-1].append(minor)
        else:
            spans.append([minor])
    return ", ".join(f"3.{span[0]} to 3.{span[-1]}" if len(span) > 1 else f"3.{span[0]}" for span in spans)
