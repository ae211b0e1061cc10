"""Digests of files that an index gives none of: computed from the files, once, and pinned by the lock.

A page of links that somebody wrote has no digests, and some servers know md5 only. What the lock names was
then seen when it was made, and whatever comes later has to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from envctl.frozen import replace
from envctl.lock.lock import Lock
from envctl.lock.places import STRONG
from envctl.model.artifact import Artifact, Sdist, Wheel
from envctl.model.events import Emit, Notice
from envctl.model.resolution import Resolution, Resolved

#: Fetches files and returns the sha256 of each by its URL.
Digests = Callable[[Collection[Wheel | Sdist]], Mapping[str, str]]


def add_digests(
    resolutions: Sequence[Resolution], compute: Digests, emit: Emit, *, old: Lock | None = None
) -> tuple[Resolution, ...]:
    """Give every file without a strong digest a sha256: that of the ``old`` lock, or the file's own.

    Raises:
        UpstreamError, MachineError: a file cannot be fetched.
    """
    unknown = {file.url: file for file in _unknown(resolutions) if file.url is not None}
    if not unknown:
        return tuple(resolutions)
    known = {url: digest for url, digest in _pinned(old) if url in unknown}
    wanted = [file for url, file in unknown.items() if url not in known]
    if wanted:
        count = f"{len(wanted)} file{'s' if len(wanted) > 1 else ''}"
        gives = f"the index `{wanted[0].index}` gives no digests that prove anything"
        message = f"{gives}: fetching {count} to compute them"
        emit(Notice("warning", "digests-computed", message))
    digests = {**known, **compute(wanted)}

    def complete(artifact: Artifact) -> Artifact:
        if not isinstance(artifact, Wheel | Sdist) or artifact.url not in digests:
            return artifact
        return replace(artifact, hashes={**artifact.hashes, "sha256": digests[artifact.url]})

    def complete_all(package: Resolved) -> Resolved:
        return replace(package, artifacts=tuple(map(complete, package.artifacts)))

    return tuple(
        replace(
            resolution,
            packages={name: complete_all(package) for name, package in resolution.packages.items()},
        )
        for resolution in resolutions
    )


def _unknown(resolutions: Iterable[Resolution]) -> Iterator[Wheel | Sdist]:
    for resolution in resolutions:
        for package in resolution.packages.values():
            for artifact in package.artifacts:
                if isinstance(artifact, Wheel | Sdist) and not artifact.hashes.keys() & set(STRONG):
                    yield artifact


def _pinned(old: Lock | None) -> Iterator[tuple[str, str]]:
    """Give the URLs of a lock's files that have a sha256."""
    for package in () if old is None else old.packages:
        for file in (*(package.wheels or ()), package.sdist):
            if file is not None and file.url is not None and "sha256" in file.hashes:
                yield file.url, file.hashes["sha256"]
