"""What a lock needs to know of a manifest, as protocols.

``manifest`` and ``lock`` are siblings and never import one another; a `Manifest` satisfies `Declared`
as it is. The protocols name every field that goes into a lock or into its digest, and so list what can
make a lock stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from packaging.requirements import Requirement


class DeclaredRequirement(Protocol):
    """A requirement of one of the lists."""

    @property
    def requirement(self) -> Requirement:
        """Return the requirement as written."""


class DeclaredIndex(Protocol):
    """An index."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def url(self) -> str:
        """Return its URL, never a mirror's."""


class DeclaredEnvironment(Protocol):
    """What one environment holds."""

    @property
    def groups(self) -> Sequence[str]:
        """Return the groups it holds."""

    @property
    def extras(self) -> Sequence[str]:
        """Return the extras it holds."""


class DeclaredProject(Protocol):
    """The project whose lists are used."""

    @property
    def written(self) -> str:
        """Return its folder as the manifest has it."""

    @property
    def editable(self) -> bool:
        """Return whether it is installed editable."""

    @property
    def install(self) -> bool:
        """Return whether it is installed at all."""


class DeclaredLock(Protocol):
    """The ``[lock]`` table."""

    @property
    def path(self) -> str:
        """Return the absolute path of the lock."""

    @property
    def resolution(self) -> str:
        """Return ``highest``, ``lowest`` or ``lowest-direct``."""

    @property
    def prerelease(self) -> Mapping[str, str]:
        """Return the setting by name, or ``*``."""

    @property
    def exclude_newer(self) -> Mapping[str, object]:
        """Return the limit by name, or ``*``: a span, a moment, a day or None."""

    @property
    def constraints(self) -> Sequence[Requirement]:
        """Return the constraints."""

    @property
    def overrides(self) -> Sequence[Requirement]:
        """Return the overrides."""

    @property
    def excludes(self) -> frozenset[str]:
        """Return the names that are dropped."""

    @property
    def conflicts(self) -> Sequence[Sequence[tuple[str, str]]]:
        """Return the sets of lists that exclude one another."""


class DeclaredBuild(Protocol):
    """The part of ``[build]`` that decides which files count."""

    @property
    def allow(self) -> bool | frozenset[str]:
        """Return whose code may run."""

    @property
    def deny(self) -> frozenset[str]:
        """Return whose code may not run."""

    @property
    def no_binary(self) -> frozenset[str]:
        """Return whose wheels do not count."""


class Declared(Protocol):
    """A manifest, as far as a lock is concerned."""

    @property
    def dependencies(self) -> Sequence[DeclaredRequirement]:
        """Return the dependencies."""

    @property
    def extras(self) -> Mapping[str, Sequence[DeclaredRequirement]]:
        """Return the extras by normalised name."""

    @property
    def groups(self) -> Mapping[str, Sequence[DeclaredRequirement]]:
        """Return the groups by normalised name, includes followed."""

    @property
    def sources(self) -> Mapping[str, object]:
        """Return the sources by name; frozen values."""

    @property
    def indexes(self) -> Sequence[DeclaredIndex]:
        """Return the indexes in the order they are asked."""

    @property
    def project(self) -> DeclaredProject | None:
        """Return the project whose lists are used."""

    @property
    def lock(self) -> DeclaredLock:
        """Return the ``[lock]`` table."""

    @property
    def build(self) -> DeclaredBuild:
        """Return the ``[build]`` table."""

    @property
    def environments(self) -> Mapping[str, DeclaredEnvironment]:
        """Return the environments by name; ``default`` is always among them."""
