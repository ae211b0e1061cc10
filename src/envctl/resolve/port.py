"""The resolver's only view of the world, as protocols and the values that cross them.

``workflow/adapters.py`` joins the index client and the builder behind `Catalog`; tests use dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envctl.frozen import dataclass, field
from envctl.model.artifact import Artifact
from envctl.model.dependency import Dependency


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """One file as an index lists it (PEP 503, 592, 658, 691, 700, 714).

    ``yanked`` is None, or the reason (perhaps empty). ``core_metadata`` is None where the index has no
    metadata file beside it, else its hashes (perhaps none). ``size`` is bytes, ``upload_time`` RFC 3339.
    """

    filename: str
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    upload_time: str | None = None
    requires_python: str | None = None
    yanked: str | None = None
    core_metadata: Mapping[str, str] | None = None


class Project(Protocol):
    """What one index has of one project. Cheap to make: a version's files are decoded when asked for."""

    @property
    def name(self) -> str:
        """Return the normalised name."""

    @property
    def index(self) -> str:
        """Return the name of the index that lists it."""

    @property
    def status(self) -> str | None:
        """Return ``archived`` or ``deprecated``, with a reason behind a colon, else None (PEP 792)."""

    @property
    def versions(self) -> Sequence[Version]:
        """Return all versions that have a file with a valid name, newest first."""

    def files(self, version: Version) -> Sequence[ListedFile]:
        """Return the wheels and sdists of a version, in the order of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The part of core metadata that decides a resolution. ``extras`` are normalised (PEP 685).

    ``dynamic_version`` says that a source tree leaves its version to its backend, so that it may change
    without anything else changing; always False for files of an index.
    """

    name: str
    version: Version
    requires_python: SpecifierSet | None = None
    requirements: tuple[Dependency, ...] = ()
    extras: frozenset[str] = frozenset()
    dynamic_version: bool = False


class Catalog(Protocol):
    """What exists. All methods may be called from one thread only; prefetching happens behind them."""

    def project(self, name: str) -> Project | None:
        """Return the project from the first index that has it, None when none has. Blocks at first.

        Raises UpstreamError when an index does not answer, and never for a project that is not there.
        """

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """Return the metadata of an artifact of ``name``. May block: network, or an allowed build.

        Raises UpstreamError when what is found is invalid or of another project or version, BuildError
        `build-not-allowed` or `build-failed` when only a build could tell.
        """

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to fetch the pages of projects; a hint that returns at once."""

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """Begin to fetch the metadata of a likely candidate; a hint that returns at once."""

    def near_names(self, name: str) -> Sequence[str]:
        """Return names that exist and look like ``name``, for a hint; few, and may be none."""
