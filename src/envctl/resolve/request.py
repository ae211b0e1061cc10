"""What is asked of a resolution, as one value: lists, limits, permissions and what was locked before.

`request_from` makes it of a manifest, `request_for` of a plain list of requirements (a build's).
Nothing here looks at a target or at an index.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from envctl.frozen import dataclass, field, replace
from envctl.manifest.manifest import Asked, BuildSettings, Manifest
from envctl.model.artifact import Artifact, Directory
from envctl.model.dependency import AnyRequirement, Dependency
from envctl.model.names import normalise


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whose code may run and whose wheels may not be used. ``allow`` is True for all, else names."""

    allow: bool | frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()

    def may_build(self, name: str) -> bool:
        """Whether a source distribution of ``name`` may be built; ``deny`` goes before ``allow``."""
        if name in self.deny:
            return False
        return self.allow if isinstance(self.allow, bool) else name in self.allow

    def may_use_wheels(self, name: str) -> bool:
        """Whether wheels that an index has of ``name`` count."""
        return name not in self.no_binary


@dataclass(frozen=True, slots=True)
class Reference:
    """A requirement of a source tree with a URL: what it is of, and under which marker and extra it holds."""

    name: str
    url: str
    marker: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything a resolution depends on but the target and the catalog.

    ``direct`` maps names to the one artifact they come from, wherever in the tree they are asked for, and
    the URLs of direct references to what they stand for. ``references`` are those that source trees have.
    ``exclude_newer`` maps names, indexes (see `limit_key`), or ``*``, to the moment after which an upload
    does not count (with a time zone), None for no limit. ``preferences`` maps names to the version that this
    target had before: it is kept while it fits, whatever has become of it. ``elsewhere`` maps names to
    versions that others have, best first (earlier targets of this run, then the old lock's other targets):
    they go before newer ones, but only as far as they would be candidates anyway. ``cooldowns`` maps those
    names of ``exclude_newer`` whose moment moves with time to the span between them, for explanations.
    """

    base: tuple[Asked, ...] = ()
    groups: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    extras: Mapping[str, tuple[Asked, ...]] = field(default_factory=dict)
    direct: Mapping[str, Artifact] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    constraints: tuple[AnyRequirement, ...] = ()
    overrides: tuple[AnyRequirement, ...] = ()
    excludes: frozenset[str] = frozenset()
    resolution: str = "highest"
    prerelease: Mapping[str, str] = field(default_factory=dict)
    exclude_newer: Mapping[str, datetime | None] = field(default_factory=dict)
    permission: Permission = field(default_factory=Permission)
    preferences: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cooldowns: Mapping[str, timedelta] = field(default_factory=dict)

    def prerelease_mode(self, name: str) -> str:
        """Return ``if-necessary``, ``allow`` or ``disallow`` for a project."""
        return self.prerelease.get(name) or self.prerelease.get("*") or "if-necessary"

    def without(self, left_out: Collection[tuple[str, str]]) -> Request:
        """Leave out groups and extras, each named as ``("group", "gpu")``."""
        if not left_out:
            return self
        return replace(
            self,
            groups={name: asked for name, asked in self.groups.items() if ("group", name) not in left_out},
            extras={name: asked for name, asked in self.extras.items() if ("extra", name) not in left_out},
        )

    def limit_key(self, name: str, index: str | None) -> str:
        """Return under which key of ``exclude_newer`` the limit of a project stands that an index lists.

        Its own goes before that of its index, and that before the general one.
        """
        of_index = index_key(index or "")
        return next((key for key in (name, of_index) if key in self.exclude_newer), "*")

    def newest_upload(self, name: str, index: str | None) -> datetime | None:
        """Return the moment after which uploads of a project do not count, None for no limit."""
        if not self.exclude_newer:  # as in most manifests; this is asked for every release
            return None
        return self.exclude_newer.get(self.limit_key(name, index))


def index_key(index: str) -> str:
    """Return what the limit of an index is called among those of projects, none of which has a space."""
    return f"index {index}"


def request_from(
    manifest: Manifest,
    *,
    direct: Mapping[str, Artifact],
    preferences: Mapping[str, str],
    now: datetime,
    elsewhere: Mapping[str, tuple[str, ...]] | None = None,
) -> Request:
    """Make the request of a manifest: all its groups and extras together, those that conflict too.

    ``preferences`` and ``elsewhere`` are those of `Request`. ``now`` is what spans such as ``3 days``
    count back from.
    """
    settings = manifest.lock
    of_indexes = {index_key(name): limit for name, limit in settings.index_limits.items()}
    limits = {**settings.exclude_newer, **of_indexes}
    return Request(
        base=(*_project_itself(manifest, direct), *_expand(manifest, manifest.dependencies, direct)),
        groups={name: _expand(manifest, asked, direct) for name, asked in manifest.groups.items()},
        extras={name: _expand(manifest, asked, direct) for name, asked in manifest.extras.items()},
        direct=direct,
        constraints=settings.constraints,
        overrides=settings.overrides,
        excludes=settings.excludes,
        resolution=settings.resolution,
        prerelease=settings.prerelease,
        exclude_newer={name: _moment(limit, now) for name, limit in limits.items()},
        permission=permission_from(manifest.build),
        preferences=preferences,
        elsewhere=elsewhere or {},
        cooldowns={name: limit for name, limit in limits.items() if isinstance(limit, timedelta)},
    )


def request_for(
    requirements: Iterable[AnyRequirement],
    *,
    by: str,
    where: str = "",
    direct: Mapping[str, Artifact] | None = None,
    constraints: tuple[AnyRequirement, ...] = (),
    permission: Permission | None = None,
) -> Request:
    """Make a request of a plain list, such as the requirements of a build; ``by`` says whose they are."""
    return Request(
        base=tuple(Asked(requirement=requirement, by=by, where=where) for requirement in requirements),
        direct={} if direct is None else direct,
        constraints=constraints,
        permission=permission or Permission(),
    )


def permission_from(settings: BuildSettings) -> Permission:
    """Take from ``[build]`` what decides which files count."""
    return Permission(allow=settings.allow, deny=settings.deny, no_binary=settings.no_binary)


def _project_itself(manifest: Manifest, direct: Mapping[str, Artifact]) -> tuple[Asked, ...]:
    """Ask for the project of ``project = …`` where the caller prepared it to be installed."""
    project = manifest.project
    if project is None or not project.install:
        return ()
    return tuple(
        Asked(requirement=Dependency(name), by="env.toml", where=os.path.basename(manifest.path))
        for name, artifact in sorted(direct.items())
        if isinstance(artifact, Directory) and artifact.path == project.path
    )


def _expand(
    manifest: Manifest, asked: tuple[Asked, ...], direct: Mapping[str, Artifact]
) -> tuple[Asked, ...]:
    """Replace what names the project itself by the extras it names, unless the project is installed.

    ``all = ["shop[postgres]"]`` in the pyproject.toml of ``shop`` is about its own lists; without this
    an index would be asked for a project that happens to have the same name.
    """
    own = normalise(manifest.name) if manifest.project is not None and manifest.name else None
    if own is None or own in direct:
        return asked
    result: list[Asked] = []
    seen: set[str] = set()
    queue = list(asked)
    while queue:
        one = queue.pop(0)
        if normalise(one.requirement.name) != own:
            result.append(one)
            continue
        for extra in sorted(normalise(text) for text in one.requirement.extras):
            if extra not in seen:
                seen.add(extra)
                queue.extend(manifest.extras.get(extra, ()))
    return tuple(result)


def _moment(limit: timedelta | datetime | date | None, now: datetime) -> datetime | None:
    """Turn a setting into a moment; a day counts whole, and a time without a zone is UTC."""
    match limit:
        case None:
            return None
        case timedelta():
            return now - limit
        case datetime():
            return limit if limit.tzinfo else limit.replace(tzinfo=UTC)
        case date():
            return datetime.combine(limit + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
