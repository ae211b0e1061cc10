"""Sources that lie elsewhere, settled: a branch becomes a commit, a URL a file with its digest.

What the old lock settled stays while the manifest says the same, so that a lock is made anew without asking
anybody; who lets go of a package lets its commit or file move. Packages of one repository and revision move
together: they are one state of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.lock.lock import REVISION_KIND, Lock, own_requires, own_text
from envctl.manifest.document import Document
from envctl.manifest.manifest import GitSource, Manifest, UrlSource
from envctl.manifest.references import Located, locate, read_reference
from envctl.manifest.urls import REQUIREMENT_SCHEMES, check_url
from envctl.model.artifact import Archive, Artifact, Checkout, Directory
from envctl.workflow.context import Released
from envctl.workflow.sources import find_direct_artifacts, is_archive_name, list_references, read_local

#: Tells the commit that a source means; brings a project's file into the store and tells its digest and size.
FindCommit = Callable[[GitSource], str]
FetchArchive = Callable[[str, Located], Archive]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Settles sources for one lock; ``released`` as in `Remote.resolve`."""

    old: Lock | None
    released: Released
    find_commit: FindCommit
    fetch_archive: FetchArchive

    def settle(self, manifest: Manifest) -> Mapping[str, Artifact]:
        """Settle what the manifest names elsewhere: by project name, and by URL what its lists refer to.

        Raises:
            UpstreamError, InputError: as `settle_one`.
        """
        return {
            key: self.settle_one(name, source, where=where)
            for key, name, source, where in _list_far(manifest)
        }

    def discover(self, manifest: Manifest, name: str, url: str, by: str) -> Artifact:
        """Settle a direct reference that the lists of a source tree have.

        What lies on this machine is known beforehand where the tree states its lists; where only its backend
        tells them, nobody would notice a change of it.

        Raises:
            InputError: `bad-url`, `direct-url-refused`; and as `settle_one`.
        """
        where = f"the lists of {by}"
        try:
            check_reference(url)
            source = read_far(url)
        except ValueError as error:
            raise InputError(
                "bad-url", f"`{by}` requires `{name}` from a URL that {error}", where=where
            ) from error
        if source is None:
            found = find_same_place(manifest, url)
            if found is not None:
                return found
            raise InputError(
                "direct-url-refused",
                f"`{by}` requires `{name} @ {url}`, which its build backend alone tells",
                hints=[
                    f"say under `[sources]` where `{name}` comes from, or write its URL into `{by}`'s lists"
                ],
            )
        return self.settle_one(name, source, where=where)

    def settle_one(self, name: str, source: GitSource | UrlSource, *, where: str) -> Artifact:
        """Settle one source: as the old lock has it, if it may stay.

        Raises:
            InputError: `bad-url` for a file that is neither a wheel nor a source archive.
            UpstreamError: `no-such-revision`, `git-failed`, `offline`, and what fetching raises.
        """
        match source:
            case GitSource():
                kind, requested = source.revision
                return Checkout(
                    vcs="git",
                    url=source.url,
                    commit=self._kept_commit(source) or self.find_commit(source),
                    requested_revision=requested or None,
                    revision_kind=kind or None,
                    subdirectory=source.subdirectory,
                )
            case UrlSource():
                located = locate(source.url)
                check_file_name(located.url, where=where)
                located = Located(located.url, located.hashes, source.subdirectory or located.subdirectory)
                return self._kept_archive(name, located) or self.fetch_archive(name, located)

    def _kept_commit(self, source: GitSource) -> str | None:
        if self.old is None or self.released is None:
            return None
        kind, requested = source.revision
        kept = [
            (package.name, package.vcs.commit_id)
            for package in self.old.packages
            if package.vcs is not None
            and (package.vcs.url or "").removeprefix("git+") == source.url
            and (package.vcs.requested_revision or "") == requested
            # A lock that does not say of which kind it is may be of any.
            and own_text(package, REVISION_KIND) in {kind or None, None}
        ]
        if any(name in self.released for name, _ in kept):
            return None
        commits = {commit for _, commit in kept}
        return commits.pop() if len(commits) == 1 else None

    def _kept_archive(self, name: str, located: Located) -> Archive | None:
        if self.old is None or self.released is None or name in self.released:
            return None
        for package in self.old.packages:
            archive = package.archive
            if package.name == name and archive is not None and archive.url == located.url:
                hashes = dict(archive.hashes)
                if all(hashes.get(algorithm) == digest for algorithm, digest in located.hashes.items()):
                    return Archive(
                        url=located.url,
                        hashes=hashes,
                        size=archive.size,
                        subdirectory=located.subdirectory,
                    )
        return None


def check_reference(url: str) -> None:
    """Hold the URL of a requirement to what the manifest's own have to be.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence about the URL.
    """
    document = Document(path="", data={}, lines={(): 1})
    if not check_url(document, (), url, schemes=REQUIREMENT_SCHEMES):
        raise ValueError(document.problems[0].message.removeprefix("`` has a URL that ").removeprefix("`` "))


def find_same_place(manifest: Manifest, url: str) -> Artifact | None:
    """Return what the manifest names at the place that a ``file:`` URL leads to."""
    local = read_local(url)
    if local is None:
        return None
    wanted = (os.path.normpath(local.path), local.subdirectory)
    return next(
        (
            artifact
            for artifact in find_direct_artifacts(manifest).values()
            if isinstance(artifact, Directory | Archive) and (artifact.path, artifact.subdirectory) == wanted
        ),
        None,
    )


def read_far(url: str) -> GitSource | UrlSource | None:
    """Read a direct reference that does not lead to this machine; None for one that does.

    Raises:
        ValueError: saying what is wrong, as the end of a sentence about the URL.
    """
    source = read_reference(url)
    return source if isinstance(source, GitSource | UrlSource) else None


def check_file_name(url: str, *, where: str) -> str:
    """Return the file name at the end of a URL, which says what it is.

    Raises:
        InputError: `bad-url`.
    """
    name = file_name(url)
    if not is_archive_name(name):
        raise InputError(
            "bad-url",
            f"`{name}` is the name of neither a wheel nor a source archive",
            where=where,
            hints=[
                "a URL ends in `.whl`, `.tar.gz` or `.zip`",
                "a repository is `git = …`, or `git+https://…`",
            ],
        )
    return name


def file_name(place: str) -> str:
    """Return the last part of a path or of the path of a URL, decoded."""
    from urllib.parse import unquote  # noqa: PLC0415 - `urlsplit` is loaded already

    path = place if os.path.isabs(place) else unquote(urlsplit(place).path)
    return path.replace("\\", "/").rpartition("/")[2]


def recall(lock: Lock, known: Mapping[str, Artifact]) -> Mapping[str, Artifact]:
    """Return what a lock has from elsewhere beside what is ``known``, for who asks about what is locked.

    By name, and by URL what the lists of source trees refer to.
    """
    from envctl.lock.choose import artifact_of  # noqa: PLC0415 - packaging's parsers

    found = {
        str(package.name): artifact
        for package in lock.pylock.packages
        if package.name not in known and (artifact := artifact_of(lock, package)) is not None
    }
    by_name = {**found, **known}
    for package in lock.packages:
        if package.directory is None:
            continue
        for text in own_requires(package):
            name, at, url = text.partition(" ; ")[0].partition(" @ ")
            artifact = by_name.get(name.partition("[")[0])
            if at and artifact is not None:
                found.setdefault(url, artifact)
    return {key: artifact for key, artifact in found.items() if key not in known}


def _list_far(manifest: Manifest) -> Iterator[tuple[str, str, GitSource | UrlSource, str]]:
    """List what lies elsewhere: the key it is known by, the project, the source, and where it is written."""
    name = os.path.basename(manifest.path)
    for key, source in manifest.sources.items():
        is_near = isinstance(source, UrlSource) and source.url[:5].lower() == "file:"
        if isinstance(source, GitSource | UrlSource) and not is_near:
            yield key, key, source, f"{name}: sources.{key}"
    for asked in list_references(manifest):
        url = asked.requirement.url or ""
        far = read_far(url)
        if far is not None:
            yield url, asked.requirement.name, far, asked.where
