"""What is being solved or chosen for: a platform and a Python, on this machine or another."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.model.interpreter import Interpreter

_OPERATING_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}

#: What the contract's names mean where they do not say it: glibc, and macOS by architecture.
GLIBC = (2, 28)
MACOS = {"arm64": (14, 0), "x86_64": (13, 0)}

#: What Windows calls each machine, and its platform tag.
WINDOWS = {"x86_64": ("AMD64", "win_amd64"), "arm64": ("ARM64", "win_arm64"), "x86": ("x86", "win32")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A cell of the lock's grid.

    ``name`` is ``OS-ARCH`` (``linux-x86_64``, ``linux-x86_64-musl1.2``). ``python`` is as a lock names it: a
    minor version (``3.11``), an exact one (``3.11.4``), ``3.14t`` or ``pypy3.11``. ``floor`` and ``ceiling``
    are the lowest and highest full version meant: equal for the interpreter at hand. ``markers`` are
    evaluated at the floor; ``tags`` are best first. ``others`` have the same markers and other tags, so that
    no lock can tell them apart: what is chosen for one is chosen for all.
    """

    name: str
    python: str
    floor: str
    ceiling: str
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    others: tuple[Target, ...] = ()

    @property
    def all(self) -> tuple[Target, ...]:
        """This one and those that are alike."""
        return (self, *self.others)

    @property
    def together(self) -> str:
        """Its name, with the names of those that are alike, for people."""
        return " together with ".join(dict.fromkeys(each.name for each in self.all))

    @property
    def label(self) -> str:
        """The same with the Python: ``linux-x86_64 with Python 3.12``."""
        return f"{self.together} with Python {' and '.join(dict.fromkeys(each.python for each in self.all))}"


def choose_platform_name(markers: Mapping[str, str]) -> str:
    """Name the platform that ``markers`` describe, in the contract's words (``macos-arm64``)."""
    system = _OPERATING_SYSTEMS.get(markers["sys_platform"], markers["sys_platform"])
    machine = markers["platform_machine"].lower()
    return f"{system}-{_ARCHITECTURES.get(machine, machine)}"


def choose_target(interpreter: Interpreter) -> Target:
    """Make the target that an interpreter of this machine stands for."""
    return Target(
        name=choose_platform_name(interpreter.markers) + _library(interpreter.tags),
        python=name_python(interpreter),
        floor=interpreter.version,
        ceiling=interpreter.version,
        markers=interpreter.markers,
        tags=interpreter.tags,
    )


def name_python(interpreter: Interpreter) -> str:
    """Name the Python of an interpreter as a lock does: its minor version, and what kind it is."""
    kind = "" if interpreter.implementation == "cpython" else interpreter.implementation
    return f"{kind}{interpreter.minor}{'t' if interpreter.free_threaded else ''}"


def covers_platform(names: tuple[str, ...], target: Target) -> bool:
    """Whether files for one of the named platforms can be used on ``target``."""
    return target.name in names or any(_supports(target, name) for name in names)


def covers_python(pythons: tuple[str, ...], target: Target) -> bool:
    """Whether ``pythons``, as a lock names them, hold that of ``target``."""
    return target.python in pythons or target.floor in pythons


def _library(tags: tuple[str, ...]) -> str:
    """Say which C library a Linux is for, where it is not a glibc of the usual age or newer."""
    for tag in tags[:3]:  # perhaps after one that is for this very machine
        kind, *parts = tag.rpartition("-")[2].split("_", 3)
        if kind in {"manylinux", "musllinux"} and len(parts) == 3:
            version = (int(parts[0]), int(parts[1]))
            if kind == "musllinux":
                return f"-musl{version[0]}.{version[1]}"
            return "" if version >= GLIBC else f"-glibc{version[0]}.{version[1]}"
    return ""


def _supports(target: Target, name: str) -> bool:
    platform = name_platform_tag(name)
    return platform is not None and any(tag.endswith(f"-{platform}") for tag in target.tags)


def name_platform_tag(name: str) -> str | None:
    """Return the platform tag that a machine must accept to be ``name``; None for no known name."""
    system, _, rest = name.partition("-")
    machine, _, library = rest.partition("-")
    match system:
        case "linux" if library.startswith("musl"):
            return f"musllinux_{library.removeprefix('musl').replace('.', '_')}_{machine}"
        case "linux":
            version = library.removeprefix("glibc") or f"{GLIBC[0]}.{GLIBC[1]}"
            return f"manylinux_{version.replace('.', '_')}_{machine}"
        case "macos" if machine in MACOS:
            return f"macosx_{MACOS[machine][0]}_0_{machine}"
        case "windows":
            return WINDOWS[machine][1] if machine in WINDOWS else None
        case _:
            return None
