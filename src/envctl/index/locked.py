"""A file of a lock: fetched from its URL, or from where its index has it now.

A lock says what a file is by its digest. Its URL is where somebody found it when the lock was made: behind
a mirror that others cannot reach, or on a host that is gone. The index is known by name, so it can be
asked again; whatever answers, the digest decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from envctl.errors import UpstreamError
from envctl.index.filename import split_filename
from envctl.index.location import Origin, find_origin
from envctl.index.served import Served
from envctl.model.artifact import Sdist, Wheel
from envctl.resolve.port import ListedFile, Project

T = TypeVar("T")

#: Codes that say that a host cannot be reached.
_NO_ANSWER = frozenset({"index-unreachable", "proxy-failed", "timeout", "tls-failed"})
#: Those, and codes that say that a place does not have the file. All others are about the file itself.
_NOT_THERE = _NO_ANSWER | {"index-error", "no-such-file", "truncated"}


class Whereabouts:
    """Where one locked file may be had. Asks an index only when it comes to that."""

    def __init__(
        self,
        file: Wheel | Sdist,
        *,
        serving: Callable[[str, str | None], Sequence[Served]],
        ask: Callable[[Served, str], Project | None],
        mirrors: Mapping[str, str],
        gone: set[Origin],
    ) -> None:
        """``serving`` and ``ask`` are those of `Pages`; ``gone`` are hosts that did not answer, and grows."""
        self._file = file
        self._gone = gone
        self._ask_index = ask
        self._name, self._version = split_filename(file.filename) or ("", "")
        self._indexes = serving(self._name, file.index) if self._name else ()
        self._is_mirrored = any(served.name in mirrors for served in self._indexes)

    def fetch(self, fetch: Callable[[str], T]) -> T:
        """Call ``fetch`` with one URL after another until one has the file.

        The locked URL goes first, unless this machine has a mirror for the index.

        Raises:
            UpstreamError: of the first place, when no place has it; at once when one has another file.
        """
        first: UpstreamError | None = None
        tried: set[str] = set()
        for place in self._places():
            try:
                url = place()
            except UpstreamError as error:
                first = first or error
                continue
            if url in tried:
                continue
            tried.add(url)
            try:
                return fetch(url)
            except UpstreamError as error:
                if error.code not in _NOT_THERE:
                    raise
                if error.code in _NO_ANSWER:
                    self._gone.add(find_origin(url))
                first = first or error
        raise first or UpstreamError("no-such-file", f"nothing says where `{self._file.filename}` lies")

    def _places(self) -> Iterator[Callable[[], str]]:
        locked = self._file.url or self._file.path
        known = [] if locked is None else [lambda: locked]
        listed = [lambda served=served: self._ask(served) for served in self._indexes]
        # Every try at a host that is gone takes seconds, and all of its files would have to wait.
        is_gone = locked is not None and find_origin(locked) in self._gone
        yield from (*listed, *known) if self._is_mirrored or is_gone else (*known, *listed)

    def _ask(self, served: Served) -> str:
        """Return where an index has the file now.

        Raises:
            UpstreamError: `no-such-file` when it has none of this name and digest; as `Pages.ask` does.
        """
        project = self._ask_index(served, self._name)
        try:
            files = () if project is None else project.files(Version(self._version))
        except InvalidVersion:
            files = ()
        for file in files:
            if file.filename == self._file.filename and _may_be(file, self._file.hashes):
                return file.url
        message = f"the index `{served.name}` has no `{self._file.filename}` with the locked digest"
        raise UpstreamError("no-such-file", message, where=served.name)


def _may_be(file: ListedFile, hashes: Mapping[str, str]) -> bool:
    """Whether no digest that an index gives speaks against a file; it is hashed when it arrives, anyway."""
    return all(file.hashes.get(algorithm, digest) == digest for algorithm, digest in hashes.items())
