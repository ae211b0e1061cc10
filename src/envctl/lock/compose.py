"""`compose`: resolutions to a lock.

A lock names no machine, no time of making and no version of envctl: the same resolutions of the same
manifest, in any order, give the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envctl.errors import UpstreamError
from envctl.lock.entries import (
    Entries,
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
)
from envctl.lock.format import format_lock
from envctl.lock.grid import Grid, version_key
from envctl.lock.lock import REVISION_KIND, Lock
from envctl.lock.markers import DEFAULT_GROUP, environment_markers, lowest_python
from envctl.lock.merge import Merged, merge
from envctl.lock.places import STRONG, Places, strip_url
from envctl.lock.reach import Reaches
from envctl.manifest.conflicts import conflicts_of, held_by
from envctl.manifest.manifest import Manifest
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist, Wheel
from envctl.model.resolution import Resolution, Resolved
from envctl.model.targets import sort_targets
from envctl.model.times import format_limit

if TYPE_CHECKING:
    from envctl.lock.places import File


def compose(
    resolutions: Sequence[Resolution],
    *,
    manifest: Manifest,
    digest: str,
    old: Lock | None,
    mirrors: Mapping[str, str] | None = None,
) -> Lock:
    """Make the lock of ``resolutions``; ``digest`` is what `freshness.digest` says of the inputs.

    A file whose hash is in ``old`` keeps the line it has there, so that a mirror or a moved index does
    not rewrite the lock. ``mirrors`` map names of indexes to the URLs that stood for them: the lock names
    them only where it cannot be known what the index itself has.

    Raises:
        UpstreamError: `no-hash` when a file has no digest that a lock may rest on.
    """
    conflicts = conflicts_of(manifest)
    targets = sort_targets(
        [resolution.target for resolution in resolutions if resolution.fork == resolutions[0].fork]
    )
    resolutions = sorted(resolutions, key=lambda each: (targets.index(each.target), sorted(each.fork)))
    default = manifest.environments["default"]
    forks = [each.fork for each in resolutions if each.target == targets[0]]
    indexes = {index.name: index.url for index in manifest.indexes}
    places = Places(old, indexes=indexes, mirrors=mirrors or {})
    writer = _Writer(places, os.path.dirname(manifest.lock.path), indexes)
    merged = merge(resolutions, Grid(targets), Reaches(conflicts, forks, held_by(default)))
    places.learn(
        file for each in merged for file in each.resolved.artifacts if isinstance(file, Wheel | Sdist)
    )
    packages = [writer.package(package) for package in merged]
    each = [one for target in targets for one in target.all]
    names = sorted({target.name for target in each})
    pythons = sorted({target.python for target in each}, key=lambda python: (version_key(python), python))
    entries = Entries(
        environments=[_as_written(text) for text in environment_markers(targets)],
        requires_python=lowest_python(targets),
        extras=sorted(manifest.extras),
        dependency_groups=sorted(manifest.groups),
        default_groups=[DEFAULT_GROUP] if default.groups or default.extras else [],
        packages=packages,
        tool={"envctl": {"digest": digest, "targets": names, "python": pythons, **_limits(manifest)}},
    )
    data = format_lock(entries)
    return Lock(
        path=manifest.lock.path,
        entries=entries,
        data=data,
        raw_digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        digest=digest,
        targets=tuple(names),
        pythons=tuple(pythons),
    )


class _Writer:
    """Writes packages; knows where the lock and its files lie, and the URLs of indexes."""

    def __init__(self, places: Places, folder: str, indexes: Mapping[str, str]) -> None:
        self._places = places
        self._folder = folder
        self._indexes = indexes

    def package(self, merged: Merged) -> Package:
        """Write one package."""
        package, marker = merged.resolved, merged.marker
        directory = next((one for one in package.artifacts if isinstance(one, Directory)), None)
        wheels = [self._wheel(one) for one in package.artifacts if isinstance(one, Wheel)]
        # Where a project is locked in several versions, PEP 751 has the version say which is meant.
        dependencies = [
            {"name": name} | ({"version": version} if version else {})
            for name, versions in merged.dependencies.items()
            for version in versions or ("",)
        ]
        return Package(
            name=package.name,
            # PEP 751: a version must not be given for a source tree, whose code may change it.
            version=(package.version or None) if directory is None else None,
            marker=_as_written(marker) if marker else None,
            requires_python=package.requires_python or None,
            dependencies=dependencies or None,
            index=self._index_url(package.index),
            directory=None if directory is None else _directory(directory),
            vcs=next((_vcs(one) for one in package.artifacts if isinstance(one, Checkout)), None),
            archive=next((self._archive(one) for one in package.artifacts if isinstance(one, Archive)), None),
            sdist=next((self._sdist(one) for one in package.artifacts if isinstance(one, Sdist)), None),
            wheels=wheels or None,
            tool={"envctl": _own_table(package, directory)},
        )

    def _wheel(self, wheel: Wheel) -> PackageWheel:
        kept = self._places.kept_line(wheel.filename, wheel.hashes)
        if kept is not None:
            return PackageWheel(name=wheel.filename, **_line(kept))
        url, path = self._place(wheel)
        return PackageWheel(
            name=wheel.filename,
            upload_time=_moment(wheel.upload_time),
            url=url,
            path=path,
            size=wheel.size,
            hashes=_hashes(wheel, wheel.filename),
        )

    def _sdist(self, sdist: Sdist) -> PackageSdist:
        kept = self._places.kept_line(sdist.filename, sdist.hashes)
        if kept is not None:
            return PackageSdist(name=sdist.filename, **_line(kept))
        url, path = self._place(sdist)
        return PackageSdist(
            name=sdist.filename,
            upload_time=_moment(sdist.upload_time),
            url=url,
            path=path,
            size=sdist.size,
            hashes=_hashes(sdist, sdist.filename),
        )

    def _archive(self, archive: Archive) -> PackageArchive:
        url, path = self._place(archive)
        return PackageArchive(
            url=url,
            path=path,
            size=archive.size,
            hashes=_hashes(archive, archive.url or archive.path or ""),
            subdirectory=archive.subdirectory,
        )

    def _place(self, file: Wheel | Sdist | Archive) -> tuple[str | None, str | None]:
        """Say where a file is: its old URL, a path below or beside the lock, or its URL.

        A ``file:`` URL inside the lock's folder becomes a path, so that the lock works in every
        checkout and names no machine.
        """
        if file.url is None:
            return None, None if file.path is None else _relative(file.path, self._folder)
        url = file.url
        if not isinstance(file, Archive):  # where that lies, the manifest says
            kept = self._places.kept_url(file.filename, file.hashes)
            if kept is not None:
                return kept, None
            url = self._places.own_url(url, file.index)
        if urlsplit(url).scheme == "file":
            relative = _relative(unquote(urlsplit(url).path), self._folder)
            return (url, None) if relative.startswith("../") else (None, relative)
        return url, None

    def _index_url(self, name: str | None) -> str | None:
        """Return the URL of an index without userinfo; None for a folder of this machine."""
        url = self._indexes.get(name or "", "")
        return strip_url(url) if urlsplit(url).scheme in {"http", "https"} else None


def _line(kept: File) -> dict[str, Any]:
    """Return what a lock said of a file, but for its name."""
    return {
        "upload_time": kept.upload_time,
        "url": kept.url,
        "size": kept.size,
        "hashes": dict(sorted(kept.hashes.items())),
    }


def _own_table(package: Resolved, directory: Directory | None) -> dict[str, object]:
    table: dict[str, object] = {"requires": list(package.requires)}
    if package.index is not None:
        table["index"] = package.index
    if package.yanked is not None:
        table["yanked"] = package.yanked
    if package.status is not None:
        table["status"] = package.status
    kind = next((one.revision_kind for one in package.artifacts if isinstance(one, Checkout)), None)
    if kind is not None:
        table[REVISION_KIND] = kind
    if directory is not None:
        table["metadata"] = directory.metadata_digest
        if package.version is not None:
            table["version"] = package.version
    return table


def _limits(manifest: Manifest) -> dict[str, object]:
    """Tell readers of the lock which uploads were too new for it; as written, so that time moves nothing."""
    settings = manifest.lock
    tables = {"exclude-newer": settings.exclude_newer, "index-exclude-newer": settings.index_limits}
    return {
        key: {name: format_limit(limit) for name, limit in sorted(limits.items())}
        for key, limits in tables.items()
        if limits
    }


def _directory(directory: Directory) -> PackageDirectory:
    return PackageDirectory(
        path=directory.display_path, editable=directory.editable, subdirectory=directory.subdirectory
    )


def _vcs(checkout: Checkout) -> PackageVcs:
    return PackageVcs(
        type=checkout.vcs,
        url=checkout.url,
        requested_revision=checkout.requested_revision,
        commit_id=checkout.commit,
        subdirectory=checkout.subdirectory,
    )


def _hashes(artifact: Artifact, name: str) -> dict[str, str]:
    """Return the hashes in a fixed order; a lock rests on at least one strong one."""
    hashes = {} if isinstance(artifact, Directory | Checkout) else artifact.hashes
    if not any(algorithm in hashes for algorithm in STRONG):
        raise UpstreamError(
            "no-hash",
            f"there is no SHA-256 of `{name}`, and a lock needs one",
            where=getattr(artifact, "url", None),
            hints=("Use an index that gives the digests of its files",),
        )
    return dict(sorted(hashes.items()))


def _as_written(marker: str) -> str:
    """Write a marker of ours as packaging does; none of its values holds a quote."""
    return marker.replace("'", '"')


def _relative(path: str, folder: str) -> str:
    return os.path.relpath(path, folder).replace(os.sep, "/")


def _moment(text: str | None) -> datetime | None:
    """Parse an upload time; what is none is left out, it only informs."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
