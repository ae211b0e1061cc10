"""What one environment shall hold: one pin per project, each with why it is wanted."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.model.artifact import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A project at a version, from an artifact.

    ``name`` is normalised (PEP 503), ``version`` normalised (PEP 440), and None only for a directory
    whose version its backend decides. ``requested`` says that a list of the manifest asks for it
    (PEP 376 REQUESTED). ``required_by`` holds who asks, with the specifier, sorted: ``requests
    (<4,>=2.5)`` for a package, ``env.toml`` or ``group dev`` or ``extra postgres`` for a list.
    """

    name: str
    version: str | None
    artifact: Artifact
    requested: bool = False
    required_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The pins of one environment, by name; ``python`` is the minor version they were chosen for."""

    pins: Mapping[str, Pin]
    python: str
