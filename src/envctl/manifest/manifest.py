"""The manifest as a value: what `parse` makes of ``env.toml``, frozen and already valid.

Every default of the contract is filled in here, so that no reader asks twice. Names of projects,
groups and extras are normalised (PEP 503, PEP 685, PEP 735). Paths are absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from packaging.specifiers import SpecifierSet

from envctl.frozen import dataclass, field
from envctl.model.dependency import AnyRequirement
from envctl.model.tables import BuildInputs, InstallSettings, PolicySettings

#: The environment that commands mean when none is named.
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """One statement about Python: ``>=3.11,<3.14``, ``3.12``, ``3.12.4``, ``3.14t``, ``pypy3.11`` or a path.

    ``specifier`` holds what the text means (``3.12`` is ``==3.12.*``); None for a path. ``where`` is the
    place it stands at, such as ``env.toml:2``.
    """

    text: str
    specifier: SpecifierSet | None
    implementation: str = "cpython"
    free_threaded: bool = False
    path: str | None = None
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A requirement of one of the manifest's lists.

    ``by`` says which list, for people: ``env.toml``, ``group dev``, ``extra postgres``, or
    ``pyproject.toml``; ``where`` is file and line.
    """

    requirement: AnyRequirement
    by: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; ``packages`` are globs over normalised names. ``url`` may have been expanded from a path."""

    name: str
    url: str
    flat: bool = False
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSource:
    """A directory, wheel or sdist of this machine. ``written`` is the path as the manifest has it."""

    path: str
    written: str
    editable: bool = False
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSource:
    """One index, by name, for one project."""

    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """A git repository; at most one of ``branch``, ``tag``, ``rev``."""

    url: str
    branch: str | None = None
    tag: str | None = None
    rev: str | None = None
    subdirectory: str | None = None

    @property
    def revision(self) -> tuple[str, str]:
        """The kind and the name of what is wanted of it, both empty for its default branch."""
        stated = {"branch": self.branch, "tag": self.tag, "rev": self.rev}
        return next(((kind, name) for kind, name in stated.items() if name), ("", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlSource:
    """An archive or wheel at a URL."""

    url: str
    subdirectory: str | None = None


Source = PathSource | IndexSource | GitSource | UrlSource


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSettings:
    """The ``[lock]`` table. ``prerelease`` and ``exclude_newer`` map names, or ``*``, to a setting.

    ``index_limits`` are the limits of ``exclude-newer`` that stand in ``[[index]]``, by the index's name.
    """

    path: str
    targets: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    resolution: str = "highest"
    prerelease: Mapping[str, str] = field(default_factory=lambda: {"*": "if-necessary"})
    exclude_newer: Mapping[str, timedelta | datetime | date | None] = field(default_factory=dict)
    index_limits: Mapping[str, timedelta | datetime | date | None] = field(default_factory=dict)
    constraints: tuple[AnyRequirement, ...] = ()
    overrides: tuple[AnyRequirement, ...] = ()
    excludes: frozenset[str] = frozenset()
    conflicts: tuple[tuple[tuple[str, str], ...], ...] = ()  # (("group", "cpu"), ("group", "gpu"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """The ``[build]`` table. ``allow`` is True for all, else names; ``timeout`` is seconds for each build."""

    allow: bool | frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()
    constraints: tuple[AnyRequirement, ...] = ()
    config_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timeout: int = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One named environment: ``groups`` and ``extras`` are already defaulted as the contract says."""

    name: str
    path: str
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    python: PythonRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReference:
    """``project = …``: the folder of the ``pyproject.toml`` whose lists are used, absolute."""

    path: str
    written: str
    editable: bool = True
    install: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One ``env.toml``.

    ``path`` is the file, ``folder`` where it lies; ``digest`` is over what was parsed, so comments and
    order do not move it (``sha256:…``). ``pythons`` are all top-level statements about Python that must
    hold together (the manifest's own and the project's ``requires-python``). ``groups`` are resolved:
    includes are followed. ``lists_in`` is the file whose lists ``add`` and ``remove`` edit.
    """

    path: str
    folder: str
    digest: str
    name: str | None = None
    pythons: tuple[PythonRequest, ...] = ()
    project: ProjectReference | None = None
    dependencies: tuple[Asked, ...] = ()
    extras: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    indexes: tuple[Index, ...] = ()
    lock: LockSettings
    build: BuildSettings
    install: InstallSettings
    policy: PolicySettings
    environments: Mapping[str, Declaration]
    lists_in: str = ""

    @property
    def build_inputs(self) -> BuildInputs:
        """What of it goes into a wheel that is built."""
        return BuildInputs(
            constraints=tuple(map(str, self.build.constraints)),
            indexes=tuple(" ".join((index.name, index.url, *index.packages)) for index in self.indexes),
            sources={name: _state(source) for name, source in self.sources.items()},
            config_settings=self.build.config_settings,
        )


def _state(source: Source) -> tuple[str, ...]:
    """Say where a project comes from: kind, place, and what else is stated."""
    match source:
        case PathSource():
            return "path", source.path, source.subdirectory or ""
        case IndexSource():
            return "index", source.index
        case GitSource():
            stated = (source.branch, source.tag, source.rev, source.subdirectory)
            return "git", source.url, *(text or "" for text in stated)
        case UrlSource():
            return "url", source.url, source.subdirectory or ""
