"""What `compose` makes: the entries of a lock with texts where `packaging.pylock` has parsed values.

Field by field the classes of that module, which with its parsers takes 40 ms to load: a lock that is only
to be written needs neither. Versions, specifiers and markers are as packaging writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from envctl.frozen import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageVcs:
    """A checkout."""

    type: str
    url: str | None = None
    path: str | None = None
    requested_revision: str | None = None
    commit_id: str
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageDirectory:
    """A source tree."""

    path: str
    editable: bool | None = None
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageArchive:
    """A wheel or source distribution of a direct source."""

    url: str | None = None
    path: str | None = None
    size: int | None = None
    upload_time: datetime | None = None
    hashes: Mapping[str, str]
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSdist:
    """A source distribution of an index."""

    name: str
    upload_time: datetime | None = None
    url: str | None = None
    path: str | None = None
    size: int | None = None
    hashes: Mapping[str, str]

    @property
    def filename(self) -> str:
        """Return its name, as packaging calls it."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageWheel:
    """A wheel of an index."""

    name: str
    upload_time: datetime | None = None
    url: str | None = None
    path: str | None = None
    size: int | None = None
    hashes: Mapping[str, str]

    @property
    def filename(self) -> str:
        """Return its name, as packaging calls it."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One release of a project."""

    name: str
    version: str | None = None
    marker: str | None = None
    requires_python: str | None = None
    dependencies: Sequence[Mapping[str, object]] | None = None
    vcs: PackageVcs | None = None
    directory: PackageDirectory | None = None
    archive: PackageArchive | None = None
    index: str | None = None
    sdist: PackageSdist | None = None
    wheels: Sequence[PackageWheel] | None = None
    attestation_identities: Sequence[Mapping[str, object]] | None = None
    tool: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A whole lock."""

    lock_version: str = "1.0"
    environments: Sequence[str] | None = None
    requires_python: str | None = None
    extras: Sequence[str] = field(default_factory=list)
    dependency_groups: Sequence[str] = field(default_factory=list)
    default_groups: Sequence[str] = field(default_factory=list)
    created_by: str = "envctl"
    packages: Sequence[Package]
    tool: Mapping[str, object] | None = None
