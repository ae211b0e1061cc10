"""A conflict as values: what cannot hold together, what was tried, and what would make it work.

Made by `diagnose.py` and completed by `remedies.py`; `conflict.py` has the words, `document.py` the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from envctl.frozen import dataclass, field
from envctl.resolve.files import RefusalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A list of the manifest asks: ``by`` is ``env.toml`` or ``group dev``, ``where`` file and line."""

    by: str
    requirement: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Releases of a project require something. ``versions`` are spans, such as ``1.0 to 2.3``.

    ``where`` is the path of a source on this machine, empty for what an index has.
    """

    name: str
    versions: tuple[str, ...]
    requirement: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A constraint of the manifest takes part; ``where`` is file and line, empty where nobody knows."""

    requirement: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """An override of the manifest takes part: it stands for whatever anybody asks of the project."""

    name: str
    requirement: str
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """No index that may serve a project lists it; ``near`` are names that exist."""

    name: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMatch:
    """No version is in a specifier; ``newest`` are the newest that exist, newest first."""

    name: str
    requirement: str
    newest: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Releases that would do have nothing that counts, for one reason.

    ``details`` are tags, specifiers or moments, a few of them.
    """

    name: str
    versions: tuple[str, ...]
    kind: RefusalKind
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TooHard:
    """The search was given up; there may be a solution."""


Fact = Ask | Demand | Limit | Replaced | Absent | NoMatch | Unusable | TooHard


class RemedyKind(StrEnum):
    """What a remedy changes."""

    BOUND = "bound"  # a bound in a list of the manifest
    CONSTRAINT = "constraint"
    OVERRIDE = "override"  # one that is there goes
    SOURCE = "source"  # what a source on this machine requires
    PYTHON = "python"
    TARGET = "target"  # fewer of them
    PRERELEASE = "prerelease"
    COOLDOWN = "cooldown"  # `exclude-newer`
    YANKED = "yanked"
    BUILD = "build"
    NO_BINARY = "no-binary"
    INDEX = "index"  # another one has it
    FORCE = "force"  # an override against what a package says of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One change that makes it work. ``verified`` says that a solve with the change found a solution.

    ``text`` is a sentence without a full stop, with what can be typed in backticks; ``where`` the place to
    change, if there is one already. ``picks`` are the versions that the projects in dispute get then.
    """

    kind: RemedyKind
    text: str
    where: str = ""
    verified: bool = True
    picks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """How much of what exists was looked at before it was clear that nothing fits."""

    releases: int
    projects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What cannot be, for one target. ``python`` is the full version that was looked at.

    ``facts`` are the smallest set found that cannot hold together, who asks first. ``also`` are other
    targets on which the same lists fail, as ``NAME with Python VERSION``.
    """

    target: str
    python: str
    facts: tuple[Fact, ...]
    tried: Tried | None = None
    also: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()


def project_of(requirement: str) -> str:
    """Return the name that a normalised requirement begins with."""
    return re.split(r"[^a-z0-9-]", requirement, maxsplit=1)[0]
