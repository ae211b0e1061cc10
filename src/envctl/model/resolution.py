"""What a resolution found for one target: a release per project, and what reaches it."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.model.artifact import Artifact
from envctl.model.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One project of a resolution.

    ``artifacts`` are all files of the release that the lock shall list for this target: its fitting
    wheels and, where a build is allowed, its sdist; or the one directory, archive or checkout.
    ``requires`` are its active requirements as normalised text, sorted (``idna<4,>=2.5``); with
    ``extras`` asked of it. ``yanked`` is None, or why its maintainers took the release back, perhaps empty
    (PEP 592); ``status`` is None, or ``archived`` or ``deprecated`` with the reason behind a colon (PEP 792).
    ``in_base`` says that the dependencies reach it; ``groups`` and ``extras_of``
    (extras of the manifest) name the lists that do.
    """

    name: str
    version: str | None
    artifacts: tuple[Artifact, ...]
    requires_python: str | None = None
    requires: tuple[str, ...] = ()
    extras: frozenset[str] = frozenset()
    index: str | None = None
    yanked: str | None = None
    status: str | None = None
    in_base: bool = False
    groups: frozenset[str] = frozenset()
    extras_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One target solved: ``packages`` by normalised name.

    ``fork`` has the members of conflicts, such as ``("group", "gpu")``, that were taken in; their rivals
    were not.
    """

    target: Target
    packages: Mapping[str, Resolved]
    fork: frozenset[tuple[str, str]] = frozenset()
