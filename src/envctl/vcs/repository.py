"""One repository by its URL: what its branches and tags stand for, and the bytes of its commits.

A URL is checked before git sees it, whoever wrote it: a manifest, a lock, or ``.gitmodules`` of a stranger.
No argument of these can be taken for an option: URLs begin with a scheme, commits are hexadecimal, and what
follows ``--end-of-options`` is none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.frozen import dataclass
from envctl.manifest.near import suggest
from envctl.manifest.references import is_revision
from envctl.scratch import scratch_folder
from envctl.vcs.command import Git, GitError

#: Where the commit that was fetched is kept, so that it is not garbage.
KEPT_AS = "refs/envctl/commit"

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ABBREVIATION = re.compile(r"[0-9a-f]{4,64}")
_URL = re.compile(r"(?P<scheme>https|http|ssh|file)://(?P<authority>[^/?#\\@]*(?:@[^/?#\\@]*)?)(?P<path>/.*)")


@dataclass(frozen=True, slots=True)
class Revision:
    """What is wanted of a repository: ``kind`` is ``branch``, ``tag``, ``rev``, or empty for its default."""

    kind: str = ""
    name: str = ""

    @property
    def is_commit(self) -> bool:
        """Whether it is the full name of a commit, which never stands for another one."""
        return self.kind == "rev" and is_commit(self.name)

    def may_abbreviate(self, commit: str) -> bool:
        """Whether it may be the beginning of a commit's name."""
        return (
            self.kind == "rev"
            and _ABBREVIATION.fullmatch(self.name) is not None
            and commit.startswith(self.name)
        )

    def list_references(self) -> tuple[str, ...]:
        """List the references that it can be, the first that there is counts; of tags the peeled ones."""
        name = self.name
        if name and not is_revision(name):  # nobody checked what a lock has
            return ()
        match self.kind:
            case "branch":
                return (f"refs/heads/{name}",)
            case "tag":
                return f"refs/tags/{name}^{{}}", f"refs/tags/{name}"
            case "rev":
                return f"refs/tags/{name}^{{}}", f"refs/tags/{name}", f"refs/heads/{name}", name
            case _:
                return ("HEAD",)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference of a repository by its full name, and the commit that it names."""

    name: str
    commit: str

    @property
    def kind(self) -> str:
        """What it is: ``branch`` (the default one as well), ``tag``, or ``rev`` for any other."""
        if self.name == "HEAD" or self.name.startswith("refs/heads/"):
            return "branch"
        return "tag" if self.name.startswith("refs/tags/") else "rev"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at a URL that has no credentials in it; ``git`` is the program."""

    git: Git
    url: str

    @property
    def scheme(self) -> str:
        """The scheme of its URL."""
        return self.url.partition(":")[0]

    def resolve(self, wanted: Revision) -> str:
        """Tell which commit is meant, as its full name.

        Raises:
            UpstreamError: `no-such-revision`, `git-failed`, `offline`; MachineError: `git-missing`.
        """
        check_url(self.url)
        if wanted.is_commit:
            return wanted.name
        found = self.look_up((wanted,))[wanted]
        commit = None if found is None else found.commit
        if commit is None and wanted.kind == "rev" and _ABBREVIATION.fullmatch(wanted.name):
            commit = self._expand(wanted.name)
        if commit is None:
            raise self._refuse_revision(wanted)
        return commit

    def look_up(self, wanted: Collection[Revision]) -> Mapping[Revision, Reference | None]:
        """Ask once what several revisions name, none of them a commit; None for what there is not.

        Raises:
            UpstreamError: `git-failed`, `bad-url`, `timeout`, `offline`; MachineError: `git-missing`.
        """
        check_url(self.url)
        patterns = {each: each.list_references() for each in wanted}
        found = self._list(*sorted({name for names in patterns.values() for name in names}))
        return {
            each: next((Reference(name, found[name]) for name in names if name in found), None)
            for each, names in patterns.items()
        }

    def fetch(self, commit: str, folder: str, *, history: bool) -> None:
        """Make a bare repository in an empty folder that holds a commit, with its history and tags if asked.

        One commit alone is asked for where the server lets that; else all is fetched.

        Raises:
            UpstreamError: `no-such-revision`, `git-failed`, `offline`; MachineError: `git-missing`.
        """
        check_url(self.url)
        if not is_commit(commit):
            raise UpstreamError("no-such-revision", f"`{commit}` is no full name of a commit", where=self.url)
        try:
            init(self.git, folder, commit, "--bare")
        except GitError as error:
            raise self._failed(error) from error
        tags = ("+refs/tags/*:refs/tags/*",) if history else ()
        depth = () if history else ("--depth=1",)
        try:
            self._fetch(folder, *depth, refs=(f"+{commit}:{KEPT_AS}", *tags))
        except GitError:
            # Old servers give what a branch or tag names, and nothing else.
            try:
                self._fetch(folder, refs=("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"))
            except GitError as error:
                raise self._failed(error) from error
        self._check_commit(folder, commit)
        self._run("pack-refs", "--all", folder=folder)
        if os.path.exists(os.path.join(folder, "FETCH_HEAD")):
            atomic.remove(os.path.join(folder, "FETCH_HEAD"))

    def _check_commit(self, folder: str, commit: str) -> None:
        try:
            self._run("cat-file", "-e", f"{commit}^{{commit}}", folder=folder)
        except GitError as error:
            message = f"the repository `{self.url}` has no commit `{commit}`"
            raise UpstreamError("no-such-revision", message, where=self.url) from error

    def _fetch(self, folder: str, *options: str, refs: tuple[str, ...]) -> None:
        self.git.at(self.scheme, self.url)
        fixed = ("--quiet", "--no-tags", "--force", "--no-recurse-submodules", "--end-of-options")
        self._run("fetch", *options, *fixed, self.url, *refs, folder=folder)

    def _list(self, *patterns: str) -> Mapping[str, str]:
        """Map names of references to the commits that the server has for them, of tags the peeled ones."""
        self.git.at(self.scheme, self.url)
        try:
            output = self._run("ls-remote", "--quiet", "--end-of-options", self.url, *patterns)
        except GitError as error:
            raise self._failed(error) from error
        found = {}
        for line in output.decode(errors="replace").splitlines():
            commit, _, name = line.partition("\t")
            if is_commit(commit):
                found[name] = commit
        return found

    def _expand(self, abbreviation: str) -> str | None:
        """Find the one commit whose name begins so: for that the names of all have to be fetched."""
        with scratch_folder("git") as folder:
            self._run("init", "--quiet", "--bare", "--template=", folder)
            refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            try:
                self._fetch(folder, "--filter=tree:0", refs=refs)
                output = self._run("rev-parse", "--verify", f"{abbreviation}^{{commit}}", folder=folder)
            except GitError:
                return None
        commit = output.decode().strip()
        return commit if is_commit(commit) else None

    def _run(self, *arguments: str, folder: str | None = None) -> bytes:
        try:
            return self.git.run(*arguments, folder=folder, url=self.url)
        except UpstreamError as error:
            if error.code != "timeout":
                raise
            message = f"the repository `{self.url}` was given up: {error.message}"
            raise UpstreamError("timeout", message, where=self.url) from error

    def _refuse_revision(self, wanted: Revision) -> UpstreamError:
        what = {"branch": "branch", "tag": "tag", "rev": "branch, tag or commit"}.get(wanted.kind, "")
        name = f"{what} `{wanted.name}`" if what else "default branch"
        known = {
            reference.split("/", 2)[2].removesuffix("^{}")
            for reference in (self._list() if what else {})
            if reference.startswith(("refs/heads/", "refs/tags/"))
        }
        return UpstreamError(
            "no-such-revision",
            f"the repository `{self.url}` has no {name}",
            where=self.url,
            hints=suggest(wanted.name, known),
        )

    def _failed(self, error: GitError) -> UpstreamError:
        hints = []
        if any(word in error.output for word in ("could not read Username", "Authentication failed", "403")):
            hints = ["a helper for credentials, or netrc, tells git who you are; it is not asked for here"]
        elif "Permission denied" in error.output or "Host key verification" in error.output:
            hints = ["`ssh` must get in without a question: an agent with the key, and the host known"]
        elif "certificate" in error.output and self.scheme == "https":
            hints = [
                "name the authority's certificate with `ca-bundle` in config.toml or SSL_CERT_FILE",
                "a server that wants a client certificate is shown the one that `client-certificate` names",
            ]
        elif "dubious ownership" in error.output:
            hints = [
                "it belongs to another user: `git config --global --add safe.directory FOLDER` lets it in"
            ]
        return UpstreamError(
            "git-failed",
            f"the repository `{self.url}` cannot be read: {error.reason}",
            where=self.url,
            hints=hints,
        )


def init(git: Git, folder: str, commit: str, *options: str) -> str:
    """Make an empty repository of the kind that a commit belongs to; return the name of its hash.

    Raises:
        GitError: as git does.
    """
    form = "sha256" if len(commit) == 64 else "sha1"
    git.run("init", "--quiet", *options, "--template=", f"--object-format={form}", folder)
    return form


def is_commit(text: str) -> bool:
    """Whether a text is the full name of a commit."""
    return _COMMIT.fullmatch(text) is not None


def check_url(url: str) -> None:
    """Refuse what is no plain URL of a repository, before git sees it.

    Raises:
        UpstreamError: `bad-url`.
    """
    found = _URL.fullmatch(url)
    is_right = found is not None and url.isprintable() and " " not in url
    if found is not None and is_right:
        user, at, host = found["authority"].rpartition("@")
        is_right = not host.startswith("-") and not user.startswith("-") and ":" not in user
        is_right = is_right and (not at or found["scheme"] == "ssh")
        is_right = is_right and (bool(host) != (found["scheme"] == "file") or host == "localhost")
    if not is_right:
        shown = re.sub(r"//[^/]*@", "//", url)[:200]
        raise UpstreamError("bad-url", f"`{shown}` is no URL of a repository that may be asked")
