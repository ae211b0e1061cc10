"""What a manifest names that lies on this machine, looked at: folders, wheels and source archives.

They are named by ``[sources]``, by direct references in the lists, and by those in the lists of folders that
are named. What comes from somewhere else is settled when a lock is made (`envctl.workflow.origins`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping

from envctl.build.digest import METADATA_FILES, digest_metadata
from envctl.errors import EnvctlError, InputError, raise_together
from envctl.manifest.manifest import Asked, GitSource, IndexSource, Manifest, PathSource, Source, UrlSource
from envctl.model.artifact import Archive, Artifact, Directory

_BLOCK = 1 << 18

#: How the names of wheels and of source archives end.
_ENDINGS = (".whl", ".tar.gz", ".tgz", ".zip")


def find_direct_artifacts(manifest: Manifest) -> Mapping[str, Artifact]:
    """Look at what lies on this machine: by project name what sources name, by URL what lists refer to.

    Raises:
        InputError: `no-source` for a folder or file that is not there, or a folder that cannot be built.
    """
    found: dict[str, Artifact] = {}
    errors: list[EnvctlError] = []
    for key, source, where in _list_local(manifest):
        try:
            found.setdefault(key, look_at(manifest, key, source, where=where))
        except InputError as error:
            errors.append(error)
    raise_together(errors)
    for directory in [one for one in found.values() if isinstance(one, Directory)]:
        _follow(manifest, directory, found)
    return found


def is_archive_name(name: str) -> bool:
    """Whether a file name says that it is a wheel or a source archive."""
    return name.endswith(_ENDINGS) and name.isprintable() and not name.startswith(".") and len(name) < 256


def list_input_files(artifacts: Iterable[Artifact]) -> Iterator[str]:
    """List the files that decide what ``artifacts`` of this machine are; they may not be there.

    Of a directory those that decide its metadata, of an archive itself.
    """
    for artifact in artifacts:
        match artifact:
            case Directory():
                for name in METADATA_FILES:
                    yield os.path.join(artifact.path, artifact.subdirectory or "", name)
            case Archive(path=str(path)):
                yield path
            case _:
                pass


def list_local_paths(manifest: Manifest) -> frozenset[str]:
    """List the paths that the manifest names, itself or through the lists of folders it names."""
    named = {source.path for _, source, _ in _list_local(manifest)}
    if not any(map(_has_references, named)):
        return frozenset(named)
    try:
        found = find_direct_artifacts(manifest).values()
    except EnvctlError:
        return frozenset(named)
    return frozenset(
        {*named, *(one.path for one in found if isinstance(one, Directory | Archive) and one.path)}
    )


def look_at(manifest: Manifest, name: str, source: PathSource, *, where: str) -> Artifact:
    """Look at what a path leads to.

    Raises:
        InputError: `no-source`, `hash-mismatch`.
    """
    if os.path.isfile(source.path):
        return _look_at_file(manifest, name, source, where=where)
    if not os.path.isdir(source.path):
        raise InputError(
            "no-source",
            f"the source of `{name}` is not there: `{source.written}`",
            where=where,
            hints=["paths are relative to the manifest"],
        )
    folder = os.path.join(source.path, source.subdirectory) if source.subdirectory else source.path
    return Directory(
        path=source.path,
        display_path=_relative(source.path, os.path.dirname(manifest.lock.path)),
        editable=source.editable,
        metadata_digest=digest_metadata(folder),
        subdirectory=source.subdirectory,
    )


def _list_local(manifest: Manifest) -> Iterator[tuple[str, PathSource, str]]:
    """List what the manifest itself names on this machine: under which key, as what, and where it stands."""
    name = os.path.basename(manifest.path)
    for key, source in manifest.sources.items():
        local = as_local(source)
        if local is not None:
            yield key, local, f"{name}: sources.{key}"
    for asked in list_references(manifest):
        url = asked.requirement.url or ""
        local = read_local(url)
        if local is not None:
            yield url, local, asked.where


def list_references(manifest: Manifest) -> Iterator[Asked]:
    """List the requirements of all lists that say by URL where their project comes from."""
    lists = (manifest.dependencies, *manifest.extras.values(), *manifest.groups.values())
    return (one for several in lists for one in several if one.requirement.url)


def as_local(source: Source) -> PathSource | None:
    """Return a source as one of this machine; None for any other."""
    match source:
        case PathSource():
            return source
        case UrlSource() if source.url[:5].lower() == "file:":
            local = read_local(source.url)
            assert local is not None  # noqa: S101 - its scheme says so
            return PathSource(path=local.path, written=source.url, subdirectory=source.subdirectory)
        case UrlSource() | GitSource() | IndexSource():
            return None


def read_local(url: str) -> PathSource | None:
    """Read a direct reference to a file or folder of this machine; None for any other."""
    if url[:5].lower() != "file:":
        return None
    from envctl.manifest.references import read_reference  # noqa: PLC0415 - few lists have URLs

    source = read_reference(url)
    return source if isinstance(source, PathSource) else None


def _look_at_file(manifest: Manifest, name: str, source: PathSource, *, where: str) -> Archive:
    if not is_archive_name(os.path.basename(source.path)):
        raise InputError(
            "no-source",
            f"the source of `{name}` is neither a folder, a wheel, nor a source archive: `{source.written}`",
            where=where,
            hints=["the name of a wheel ends in `.whl`, that of a source archive in `.tar.gz` or `.zip`"],
        )
    digest, size = hashlib.sha256(), 0
    with open(source.path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    if "#" in source.written:
        from envctl.manifest.references import locate  # noqa: PLC0415 - few sources state a digest

        stated = locate(source.written).hashes.get("sha256", digest.hexdigest())
        if stated != digest.hexdigest():
            raise InputError(
                "hash-mismatch",
                f"the sha256 of the source of `{name}` is `{digest.hexdigest()}`, but `{stated}` is expected",
                where=where,
            )
    return Archive(
        path=source.path,
        display_path=_relative(source.path, os.path.dirname(manifest.lock.path)),
        hashes={"sha256": digest.hexdigest()},
        size=size,
        subdirectory=source.subdirectory,
    )


def _follow(manifest: Manifest, directory: Directory, found: dict[str, Artifact]) -> None:
    """Look at what the lists of a folder refer to on this machine, and so on."""
    folder = os.path.join(directory.path, directory.subdirectory or "")
    if not _has_references(folder):
        return
    from envctl.build.source import read_stated_metadata  # noqa: PLC0415 - few folders refer to others

    metadata = read_stated_metadata(folder)
    for requirement in () if metadata is None else metadata.requirements:
        url = requirement.url or ""
        local = read_local(url)
        if local is None or url in found:
            continue
        found[url] = look_at(manifest, requirement.name, local, where=directory.display_path)
        if isinstance(met := found[url], Directory):
            _follow(manifest, met, found)


def _has_references(folder: str) -> bool:
    """Whether the lists of a folder may refer to this machine: looked at before anything is parsed."""
    try:
        with open(os.path.join(folder, "pyproject.toml"), "rb") as file:
            return b"file:" in file.read()
    except OSError:
        return False


def _relative(path: str, start: str) -> str:
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive on Windows
        return path.replace(os.sep, "/")
