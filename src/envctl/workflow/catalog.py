"""What exists, for the resolver: indexes and builds joined behind one port.

This is where the recursion *resolve, build, resolve* is tied, which no other room knows about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from packaging.version import Version

from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.index.client import IndexClient
from envctl.model.artifact import Archive, Artifact, Checkout, Directory, format_origin
from envctl.model.names import normalise
from envctl.resolve.port import ListedFile, Metadata, Project

#: Tells the metadata of a source distribution or of a source tree, perhaps by a build.
SdistMetadata = Callable[[str, ListedFile], Metadata]
DirectoryMetadata = Callable[[str, Directory], Metadata]
DirectMetadata = Callable[[str, Archive | Checkout], Metadata]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedCatalog:
    """The catalog of one run: pages and wheels from ``client``, the rest from the callables."""

    client: IndexClient
    sdist_metadata: SdistMetadata
    directory_metadata: DirectoryMetadata
    direct_metadata: DirectMetadata

    def project(self, name: str) -> Project | None:
        """See `Catalog.project`."""
        return self.client.project(name)

    def metadata(self, name: str, version: Version | None, artifact: ListedFile | Artifact) -> Metadata:
        """See `Catalog.metadata`; what is found must be of the project and version that were asked for."""
        match artifact:
            case ListedFile() if artifact.filename.endswith(".whl"):
                found = self.client.metadata(artifact)
            case ListedFile():
                found = self.sdist_metadata(name, artifact)
            case Directory():
                found = self.directory_metadata(name, artifact)
            case Archive() | Checkout():
                found = self.direct_metadata(name, artifact)
            case _:  # what an index has is a `ListedFile`
                raise TypeError(artifact)
        _check_identity(found, name, version, artifact)
        return found

    def prefetch(self, names: Iterable[str]) -> None:
        """See `Catalog.prefetch`."""
        self.client.prefetch(names)

    def prefetch_metadata(self, name: str, file: ListedFile) -> None:
        """See `Catalog.prefetch_metadata`; an sdist's cannot be fetched ahead."""
        del name
        if file.filename.endswith(".whl"):
            self.client.prefetch_metadata(file)

    def near_names(self, name: str) -> Sequence[str]:
        """See `Catalog.near_names`."""
        return self.client.near_names(name)


def _check_identity(
    found: Metadata, name: str, version: Version | None, artifact: ListedFile | Artifact
) -> None:
    """Refuse metadata of another project or version; the version of a source tree is what its metadata says.

    Strict, as the check of a wheel before it is laid: what is locked here could not be installed then.
    """
    where = artifact.filename if isinstance(artifact, ListedFile) else format_origin(artifact)
    if normalise(found.name) == name and version in {None, found.version}:
        return
    raise UpstreamError(
        "wrong-metadata", f"the metadata of `{where}` is of {found.name} {found.version}", where=where
    )
