"""What is being solved or chosen for: a platform and a Python, on this machine or another."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.model.interpreter import Interpreter

_OPERATING_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A cell of the lock's grid.

    ``name`` is ``OS-ARCH`` (``linux-x86_64``), ``python`` a minor version (``3.11``). ``floor`` and
    ``ceiling`` are the lowest and highest full version meant: equal for the interpreter at hand.
    ``markers`` are evaluated at the floor; ``tags`` are best first.
    """

    name: str
    python: str
    floor: str
    ceiling: str
    markers: Mapping[str, str]
    tags: tuple[str, ...]


def choose_platform_name(markers: Mapping[str, str]) -> str:
    """Name the platform that ``markers`` describe, in the contract's words (``macos-arm64``)."""
    system = _OPERATING_SYSTEMS.get(markers["sys_platform"], markers["sys_platform"])
    machine = markers["platform_machine"].lower()
    return f"{system}-{_ARCHITECTURES.get(machine, machine)}"


def choose_target(interpreter: Interpreter) -> Target:
    """Make the target that an interpreter of this machine stands for."""
    return Target(
        name=choose_platform_name(interpreter.markers),
        python=interpreter.minor,
        floor=interpreter.version,
        ceiling=interpreter.version,
        markers=interpreter.markers,
        tags=interpreter.tags,
    )
