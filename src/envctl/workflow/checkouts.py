"""Commits of repositories in the store, and what their trees state.

A commit is an entry of its own: a bare repository that holds it, complete or absent, checked like any other
before it is read, and never asked for again. One commit alone is fetched where that suffices; the history
and the tags as well where a build has to find out its own version from them.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from envctl.build.source import parse_pyproject, read_static_metadata
from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.index.authorities import choose_authorities
from envctl.manifest.manifest import GitSource
from envctl.memo import Memo
from envctl.model.artifact import Checkout, format_origin
from envctl.model.events import Advanced, Emit, Ended, Phase, Started, ignore
from envctl.model.settings import Settings
from envctl.resolve.port import Metadata
from envctl.scratch import scratch_folder
from envctl.store.store import Store
from envctl.vcs.command import Git
from envctl.vcs.repository import Repository, Revision
from envctl.vcs.tree import check_out, has_folder, read_file
from envctl.workflow.keys import CHECKED_OUT, REPOSITORIES

#: What is remembered of a tree without a ``pyproject.toml``; no file begins so.
_NONE = b"\0"

_GIT_AUTHORITIES = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkouts:
    """The repositories of one run. May be used from several threads."""

    git: Git
    store: Store
    emit: Emit

    def find_commit(self, source: GitSource) -> str:
        """Tell which commit a source means now.

        Raises:
            UpstreamError: `no-such-revision`, `git-failed`, `offline`; MachineError: `git-missing`.
        """
        return Repository(self.git, source.url).resolve(Revision(*source.revision))

    def stated_metadata(self, checkout: Checkout) -> Metadata | None:
        """Read what the ``pyproject.toml`` of a tree states; None where only its backend could tell.

        Raises:
            InputError: `bad-pyproject`, `no-source` for a folder that is not in the commit.
            UpstreamError: as fetching the commit does.
        """
        where = format_origin(checkout)
        data = self._read_pyproject(checkout)
        if data is None:
            return None
        return read_static_metadata(parse_pyproject(data, where=where), where=where)

    def needs_history(self, checkout: Checkout) -> bool:
        """Whether a build has to find its own version, which it may do from history and tags.

        Raises:
            InputError, UpstreamError: as `stated_metadata`.
        """
        return self.stated_metadata(checkout) is None

    @contextmanager
    def open(self, checkout: Checkout) -> Iterator[str]:
        """Check a commit out for a while; yields the folder that is built, which is to be changed freely.

        Raises:
            UpstreamError: `bad-checkout`, and as fetching does; InputError: `no-source`.
        """
        history = self.needs_history(checkout)
        with scratch_folder("checkout") as place:
            target = os.path.join(place, "source")

            def provide(url: str, commit: str) -> str:
                own = (url, commit) == (checkout.url, checkout.commit)
                return self.fetch(url, commit, history=history and own)

            check_out(self.git, checkout.url, checkout.commit, target, provide)
            folder = os.path.join(target, *(checkout.subdirectory or "").split("/"))
            if not os.path.isdir(folder):
                raise _no_folder(checkout)
            yield folder

    def _read_pyproject(self, checkout: Checkout) -> bytes | None:
        subdirectory = posixpath.normpath(checkout.subdirectory or ".")
        key = _key(checkout.url, checkout.commit, subdirectory)
        kept = Memo(self.store.folder)
        known = kept.find(CHECKED_OUT, key)
        if known is None:
            folder = self.fetch(checkout.url, checkout.commit, history=False)
            if subdirectory != "." and not has_folder(self.git, folder, checkout.commit, subdirectory):
                raise _no_folder(checkout)
            path = posixpath.normpath(posixpath.join(subdirectory, "pyproject.toml"))
            found = read_file(self.git, folder, checkout.commit, path)
            known = _NONE if found is None else found
            kept.keep(CHECKED_OUT, key, known)
        return None if known == _NONE else known

    def find(self, url: str, commit: str, *, history: bool) -> str | None:
        """Find the bare repository of a commit in the store: its folder."""
        kinds = ["history"] if history else ["history", "alone"]
        if not history or self.git.offline:
            kinds.append("carried")
        for kind in kinds:
            entry = self.store.get(REPOSITORIES, _key(url, commit, kind))
            if entry is not None:
                return entry.tree
        return None

    def keep(self, url: str, commit: str, kind: str, fill: Callable[[str], None]) -> str:
        """Put the bare repository of a commit into the store; ``fill`` makes it in a folder. Return it.

        Its ``kind`` is ``alone``, ``history``, or ``carried``: with what a bundle has of the history, which
        serves where nothing else can be had.
        """

        def produce(folder: str) -> dict[str, object]:
            fill(folder)
            return {"url": url, "commit": commit}

        return self.store.add(REPOSITORIES, _key(url, commit, kind), produce).tree

    def fetch(self, url: str, commit: str, *, history: bool) -> str:
        """Bring a commit into the store, if it is not there; return the folder of its bare repository.

        Raises:
            UpstreamError: `no-such-revision`, `git-failed`, `offline`; MachineError: `git-missing`.
        """
        found = self.find(url, commit, history=history)
        if found is not None:
            return found
        self.emit(Started(Phase.DOWNLOAD))
        self.emit(Advanced(Phase.DOWNLOAD, 0, url))
        summary = ""
        try:
            fill = partial(Repository(self.git, url).fetch, commit, history=history)
            made = self.keep(url, commit, "history" if history else "alone", fill)
            summary = f"Fetched commit {commit[:12]} of {url}"
        finally:
            self.emit(Ended(Phase.DOWNLOAD, summary))
        return made


def make_git(settings: Settings, emit: Emit = ignore) -> Git:
    """Make git with the machine's settings; what its own variables say of authorities goes before others'."""
    bundle, folders = choose_authorities(settings)
    if settings.ca_bundle is None and not settings.environ.keys().isdisjoint(_GIT_AUTHORITIES):
        bundle, folders = None, None
    return Git(
        environ=settings.environ,
        offline=settings.offline,
        proxy=settings.proxy,
        # It takes one folder, and runs in another than this.
        authorities=(
            bundle and os.path.abspath(bundle),
            folders and os.path.abspath(folders.split(os.pathsep)[0]),
        ),
        client_certificates=settings.client_certificates,
        insecure_hosts=settings.insecure_hosts,
        emit=emit,
    )


def _no_folder(checkout: Checkout) -> InputError:
    return InputError(
        "no-source",
        f"commit `{checkout.commit[:12]}` of `{checkout.url}` has no folder `{checkout.subdirectory}`",
        where=checkout.url,
        hints=["`subdirectory` is a folder inside of the repository"],
    )


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
