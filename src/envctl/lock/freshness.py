"""Whether a lock is up to date: the digest of what went into it, what it covers, what it holds.

Time, new releases, mirrors, policy, comments and the order of what has none never make a lock stale.
The order of indexes does count: it decides which one a project comes from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from packaging.version import Version

from envctl.lock.lock import Lock
from envctl.manifest.manifest import Asked, Manifest
from envctl.model.dependency import AnyRequirement, marker_of, parse_marker
from envctl.model.names import normalise
from envctl.model.target import Target, covers_platform, covers_python

if TYPE_CHECKING:
    from packaging.pylock import Package

    from envctl.lock.entries import Package as Entry

# Absolute, so it differs between checkouts; `written` says the same.
_MACHINE_FIELDS = frozenset({"path"})


def digest(
    manifest: Manifest, *, targets: Iterable[str], pythons: Iterable[str], projects: Mapping[str, str]
) -> str:
    """Digest everything that decides what a lock says (``sha256:…``).

    ``targets`` and ``pythons`` are those to be covered: the manifest's, else the lock's own.
    ``projects`` maps the names of path sources, and of the project itself, to the digest of what
    decides their metadata.
    """
    default = manifest.environments["default"]
    settings, build, project = manifest.lock, manifest.build, manifest.project
    inputs = {
        "dependencies": _lists(manifest.dependencies),
        "extras": {name: _lists(asked) for name, asked in manifest.extras.items()},
        "groups": {name: _lists(asked) for name, asked in manifest.groups.items()},
        "default": {"groups": sorted(default.groups), "extras": sorted(default.extras)},
        "targets": sorted(targets),
        "python": sorted(pythons),
        "sources": {name: _plain(source) for name, source in manifest.sources.items()},
        "project": None if project is None else [project.written, project.editable, project.install],
        "projects": dict(projects),
        # The names that only one index may serve decide where they come from, as a source does.
        "indexes": [
            [index.name, *sorted(index.packages)] if index.packages else index.name
            for index in manifest.indexes
        ],
        "lock": {
            "resolution": settings.resolution,
            "prerelease": dict(settings.prerelease),
            "exclude-newer": {name: _plain(limit) for name, limit in settings.exclude_newer.items()},
            # Beside it only where it is set, so that no other lock becomes stale by it.
            **({"index-limits": _plain(settings.index_limits)} if settings.index_limits else {}),
            "constraints": _requirements(settings.constraints),
            "overrides": _requirements(settings.overrides),
            "excludes": sorted(settings.excludes),
            "conflicts": sorted(sorted(map(list, members)) for members in settings.conflicts),
        },
        "build": {
            "allow": build.allow if isinstance(build.allow, bool) else sorted(build.allow),
            "deny": sorted(build.deny),
            "no-binary": sorted(build.no_binary),
        },
    }
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def is_fresh(lock: Lock, digest: str) -> bool:
    """Whether a lock was made from these inputs; one of another tool never was."""
    return lock.digest == digest


def covers(lock: Lock, target: Target) -> bool:
    """Whether a lock is for a target: for its Python, and its platform or one whose files it can use."""
    return covers_platform(lock.targets, target) and covers_python(lock.pythons, target)


def preferences(
    lock: Lock | None, target: Target | None = None, left_out: Collection[tuple[str, str]] = ()
) -> Mapping[str, str]:
    """Return the versions of a lock, by name, to be kept where they fit; whoever made the lock.

    With a target only those that are chosen for it, through whatever lists but those ``left_out``, each named
    as ``("group", "gpu")``. Of several versions of a project the newest counts.
    """
    versions: dict[str, Version] = {}
    environment = None if lock is None or target is None else _environment(lock, target, left_out)
    for package in () if lock is None else lock.packages:
        if package.version is None or not _is_chosen(package, environment):
            continue
        version = Version(package.version) if isinstance(package.version, str) else package.version
        known = versions.get(package.name)
        versions[package.name] = version if known is None else max(known, version)
    return {name: str(version) for name, version in sorted(versions.items())}


def _environment(
    lock: Lock, target: Target, left_out: Collection[tuple[str, str]]
) -> dict[str, str | AbstractSet[str]]:
    pylock = lock.entries or lock.pylock
    groups = frozenset((*(pylock.dependency_groups or ()), *(pylock.default_groups or ())))
    return {
        **target.markers,
        "extras": frozenset(pylock.extras or ()) - {name for kind, name in left_out if kind == "extra"},
        "dependency_groups": groups - {name for kind, name in left_out if kind == "group"},
    }


def _is_chosen(package: Package | Entry, environment: dict[str, str | AbstractSet[str]] | None) -> bool:
    if package.marker is None or environment is None:
        return True
    marker = parse_marker(package.marker) if isinstance(package.marker, str) else package.marker
    return marker.evaluate(environment, context="lock_file")


def _lists(asked: Iterable[Asked]) -> list[str]:
    return _requirements(one.requirement for one in asked)


def _requirements(requirements: Iterable[AnyRequirement]) -> list[str]:
    """Write requirements so that spelling, spaces and order do not matter."""
    return sorted({_requirement(requirement) for requirement in requirements})


def _requirement(requirement: AnyRequirement) -> str:
    extras = ",".join(sorted(normalise(extra) for extra in requirement.extras))
    origin = f" @ {requirement.url}" if requirement.url else str(requirement.specifier)
    marker = marker_of(requirement)
    return f"{normalise(requirement.name)}[{extras}]{origin}{f'; {marker}' if marker else ''}"


def _plain(value: object) -> object:
    """Turn a frozen value into JSON, without what names the machine."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case timedelta():
            return f"{value.total_seconds():.0f} seconds"
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(member) for key, member in value.items()}
        case Sequence() | frozenset():
            return [_plain(member) for member in (sorted(value) if isinstance(value, frozenset) else value)]
        case _ if hasattr(value, "__frozen_fields__") and not isinstance(value, type):
            fields = {
                name: _plain(getattr(value, name))
                for name in value.__frozen_fields__
                if name not in _MACHINE_FIELDS
            }
            return {"kind": type(value).__name__, **fields}
        case _:
            raise TypeError(f"{type(value).__name__} in a manifest")
