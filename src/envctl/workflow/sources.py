"""The sources of a manifest as artifacts: what ``[sources]`` names, looked at on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from envctl.build.digest import METADATA_FILES, digest_metadata
from envctl.errors import EnvctlError, InputError, raise_together
from envctl.manifest.manifest import GitSource, IndexSource, Manifest, PathSource, UrlSource
from envctl.model.artifact import Artifact, Directory


def find_direct_artifacts(manifest: Manifest) -> Mapping[str, Artifact]:
    """Turn the sources that are not an index into artifacts, by project name.

    Raises:
        InputError: `no-source` for a folder that is not there or cannot be built; `source-not-supported`
            for kinds that this version parses but does not install.
    """
    found: dict[str, Artifact] = {}
    errors: list[EnvctlError] = []
    for name, source in manifest.sources.items():
        try:
            match source:
                case IndexSource():
                    continue
                case PathSource():
                    found[name] = _find_directory(manifest, name, source)
                case GitSource() | UrlSource():
                    raise _not_supported(manifest, name, "git and URL sources are")
        except InputError as error:
            errors.append(error)
    raise_together(errors)
    return found


def list_metadata_files(artifacts: Iterable[Artifact]) -> Iterator[str]:
    """List the files that decide the metadata of directories among ``artifacts``; they may not be there."""
    for artifact in artifacts:
        if isinstance(artifact, Directory):
            for name in METADATA_FILES:
                yield os.path.join(artifact.path, artifact.subdirectory or "", name)


def _find_directory(manifest: Manifest, name: str, source: PathSource) -> Directory:
    if os.path.isfile(source.path):
        raise _not_supported(manifest, name, "wheel and sdist files as sources are")
    if not os.path.isdir(source.path):
        raise InputError(
            "no-source",
            f"the source of `{name}` is not there: `{source.written}`",
            where=f"{os.path.basename(manifest.path)}: sources.{name}",
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


def _relative(path: str, start: str) -> str:
    try:
        return os.path.relpath(path, start).replace(os.sep, "/")
    except ValueError:  # another drive on Windows
        return path.replace(os.sep, "/")


def _not_supported(manifest: Manifest, name: str, what: str) -> InputError:
    return InputError(
        "source-not-supported",
        f"the source of `{name}` is of a kind that this version does not install; {what} to come",
        where=f"{os.path.basename(manifest.path)}: sources.{name}",
    )
