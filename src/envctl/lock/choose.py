"""`choose`: from a lock, one artifact per project for one target and one set of lists."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import NoReturn, cast

from packaging.markers import Environment, InvalidMarker, Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    PylockSelectError,
)
from packaging.tags import Tag, create_compatible_tags_selector
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from envctl.errors import InputError, ResolutionError
from envctl.lock.lock import REVISION_KIND, Lock, own_text, requirers
from envctl.manifest.urls import file_url
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist, Wheel
from envctl.model.selection import Pin, Selection
from envctl.model.target import Target

Chosen = PackageWheel | PackageSdist | PackageDirectory | PackageArchive | PackageVcs


def choose(
    lock: Lock,
    target: Target,
    *,
    groups: Collection[str],
    extras: Collection[str],
    default_selection: bool = False,
    asked: Mapping[str, tuple[str, ...]] | None = None,
    no_binary: Collection[str] = (),
) -> Selection:
    """Choose what to install for ``target``: exactly one pin per project.

    Wheels by tag preference, a source distribution only when no wheel fits or ``no_binary`` names the
    project. ``default_selection`` takes the lock's default groups instead of ``groups``. ``asked`` maps
    names to who asks for them (``env.toml``, ``group dev``); empty or None when no manifest does, and then
    the projects that no other requires count as asked for.

    Raises:
        ResolutionError: `not-locked-for` when the lock does not cover the target; `no-usable-file` when
            it covers the target but lists no file for it; `python-too-old` when a package refuses it.
        InputError: `lock-ambiguous` when two entries of a project are selected together.

    Source: PEP 751, "Installation".
    """
    environment = select_environment(target)
    if not covers_environment(lock, environment):
        raise _not_locked_for(lock, target)
    try:
        chosen = [
            (package, _artifact(lock, package, artifact))
            for package, artifact in lock.pylock.select(
                environment=environment,
                tags=_tags(target),
                extras=extras,
                dependency_groups=None if default_selection else groups,
                prefer_sdist_predicate=lambda name: name in no_binary,
            )
        ]
    except PylockSelectError as error:
        _refuse(lock, target, error)
    required_by = requirers([package for package, _ in chosen], lambda marker: _holds(marker, environment))
    pins = {}
    for package, artifact in chosen:
        lists = asked.get(package.name, ()) if asked else ()
        packages = required_by.get(package.name, ())
        pins[str(package.name)] = Pin(
            name=package.name,
            version=_version(package),
            artifact=artifact,
            requested=bool(lists) if asked else not packages,
            required_by=tuple(sorted({*lists, *packages})),
        )
    return Selection(pins=dict(sorted(pins.items())), python=target.python)


def choose_wheel(wheels: Iterable[Wheel], target: Target) -> Wheel | None:
    """Return the best of several wheels of one release by the target's tags; None when none fits.

    Source: binary distribution format, "File name convention"; among equals the higher build tag.
    """
    parsed = [(wheel, parse_wheel_filename(wheel.filename)) for wheel in wheels]
    parsed.sort(key=lambda pair: pair[1][2], reverse=True)
    select = create_compatible_tags_selector(_tags(target))
    return next(select((wheel, parts[3]) for wheel, parts in parsed), None)


def _tags(target: Target) -> list[Tag]:
    return [Tag(*tag.split("-")) for tag in target.tags]


def select_environment(target: Target) -> Environment:
    """Return the marker environment to select with.

    A release candidate of 3.14 counts as 3.14.0, as it does where files are chosen: no specifier
    without a pre-release would hold for it.
    """
    version = Version(target.floor)
    markers = dict(target.markers)
    if version.is_prerelease:
        markers["python_full_version"] = version.base_version
    return cast("Environment", markers)


def covers_environment(lock: Lock, environment: Environment) -> bool:
    """Whether ``requires-python`` and ``environments`` of a lock hold."""
    requires_python = lock.pylock.requires_python
    if requires_python and not requires_python.contains(environment["python_full_version"]):
        return False
    markers = lock.pylock.environments
    return not markers or any(
        marker.evaluate(cast("dict[str, str]", environment), context="requirement") for marker in markers
    )


def _not_locked_for(lock: Lock, target: Target) -> ResolutionError:
    covered = ""
    if lock.targets:
        covered = f"; it covers {', '.join(lock.targets)} with Python {', '.join(lock.pythons)}"
    return ResolutionError(
        "not-locked-for",
        f"the lock is not for {target.name} with Python {target.python}{covered}",
        where=lock.path,
        hints=("Add it to `[lock] targets` or `[lock] python` and run `envctl lock`",),
    )


def _refuse(lock: Lock, target: Target, error: PylockSelectError) -> NoReturn:
    """Translate what packaging says; it has one class for all its reasons."""
    text = str(error)
    if "Multiple packages" in text:
        raise InputError("lock-ambiguous", f"the lock contradicts itself: {text}", where=lock.path) from error
    if "No wheel found" in text:
        code = "no-usable-file"
    elif "for package" in text:
        code = "python-too-old"
    else:
        raise _not_locked_for(lock, target) from error
    raise ResolutionError(
        code,
        f"the lock cannot be used here: {text}",
        where=lock.path,
        hints=("`envctl lock` makes one that fits this machine, where the releases do",),
    ) from error


def artifact_of(lock: Lock, package: Package) -> Artifact | None:
    """Return what a package comes from that does not come from an index."""
    direct = package.directory or package.vcs or package.archive
    return None if direct is None else _artifact(lock, package, direct)


def _artifact(lock: Lock, package: Package, artifact: Chosen) -> Artifact:
    folder = os.path.dirname(lock.path)
    match artifact:
        case PackageWheel() | PackageSdist():
            kind = Wheel if isinstance(artifact, PackageWheel) else Sdist
            return kind(
                filename=artifact.filename,
                url=artifact.url,
                path=None if artifact.url else _absolute(folder, artifact.path),
                hashes=dict(artifact.hashes),
                size=artifact.size,
                upload_time=_text(artifact.upload_time),
                index=own_text(package, "index"),
            )
        case PackageDirectory():
            return Directory(
                path=_absolute(folder, artifact.path) or folder,
                display_path=artifact.path,
                editable=bool(artifact.editable),
                metadata_digest=own_text(package, "metadata") or "",
                subdirectory=artifact.subdirectory,
            )
        case PackageArchive():
            return Archive(
                url=artifact.url,
                path=None if artifact.url else _absolute(folder, artifact.path),
                display_path=None if artifact.url else artifact.path,
                hashes=dict(artifact.hashes),
                size=artifact.size,
                subdirectory=artifact.subdirectory,
            )
        case PackageVcs():
            return Checkout(
                vcs=artifact.type,
                url=_repository_url(artifact, folder),
                commit=artifact.commit_id,
                requested_revision=artifact.requested_revision,
                revision_kind=own_text(package, REVISION_KIND),
                subdirectory=artifact.subdirectory,
            )


def _repository_url(checkout: PackageVcs, folder: str) -> str:
    """Return the URL of a repository; some tools write it as a requirement would have it."""
    if checkout.url is not None:
        return checkout.url.removeprefix("git+")
    return file_url(_absolute(folder, checkout.path) or folder)


def _version(package: Package) -> str | None:
    return own_text(package, "version") if package.version is None else str(package.version)


def _holds(marker: str, environment: Environment) -> bool:
    """Whether a requirement counts there; it only informs, so that a marker that is none holds."""
    try:
        return not marker or Marker(marker).evaluate(cast("dict[str, str]", environment))
    except InvalidMarker:
        return True


def _absolute(folder: str, path: str | None) -> str | None:
    return None if path is None else os.path.normpath(os.path.join(folder, path))


def _text(moment: datetime | None) -> str | None:
    """Write a moment as RFC 3339 in UTC; one without a zone is UTC (PEP 751)."""
    if moment is None:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat() + "Z"
