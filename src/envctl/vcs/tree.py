"""The tree of a commit: files read out of a bare repository, and whole trees with their submodules."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urljoin

from envctl import atomic
from envctl.errors import UpstreamError
from envctl.vcs.command import PROTOCOLS, Git, GitError
from envctl.vcs.repository import check_url, init

#: Gives the folder of the bare repository that holds a commit of a URL.
Provide = Callable[[str, str], str]

#: Submodules of submodules, so deep at most.
_DEEPEST = 16

_SECTION = re.compile(r"submodule\.(?P<name>.+)\.(?P<key>path|url)")


def read_file(git: Git, folder: str, commit: str, path: str) -> bytes | None:
    """Read a file of a commit out of a bare repository; None where there is none, or no regular one."""
    listed = git.run("ls-tree", "-z", "--full-tree", commit, "--", path, folder=folder)
    mode, _, rest = listed.rstrip(b"\0").partition(b" ")
    kind, _, rest = rest.partition(b" ")
    if kind != b"blob" or not mode.startswith(b"100"):
        return None
    return git.run("cat-file", "blob", rest.partition(b"\t")[0].decode("ascii"), folder=folder)


def has_folder(git: Git, folder: str, commit: str, path: str) -> bool:
    """Whether a commit has a folder at a path."""
    listed = git.run("ls-tree", "-z", "--full-tree", commit, "--", path, folder=folder)
    return listed.split(b" ", 2)[1:2] == [b"tree"]


def check_out(git: Git, url: str, commit: str, target: str, provide: Provide) -> None:
    """Check a commit out into the new folder ``target``, as a work tree of git of its own.

    The bare repositories are read and not changed. Links that lead out of the tree are refused: what builds
    it would read files of this machine into a wheel.

    Raises:
        UpstreamError: `bad-checkout`, `bad-url`, `git-failed`, and what ``provide`` raises.
    """
    try:
        _check_out(git, url, commit, target, provide, depth=0)
    except GitError as error:
        message = f"commit `{commit}` of `{url}` cannot be checked out: {error.reason}"
        raise UpstreamError("git-failed", message, where=url) from error
    for path in find_links(target):
        message = f"`{path}` in commit `{commit[:12]}` of `{url}` is a link that leads out of the repository"
        raise UpstreamError("bad-checkout", message, where=url)


def _check_out(git: Git, url: str, commit: str, target: str, provide: Provide, *, depth: int) -> None:
    source = provide(url, commit)
    inside = os.path.join(target, ".git")
    init(git, target, commit)
    atomic.make_directories(os.path.join(inside, "objects", "info"))
    objects = os.path.join(os.path.abspath(source), "objects")
    atomic.write(os.path.join(inside, "objects", "info", "alternates"), os.fsencode(f"{objects}\n"))
    for name in ("shallow", "packed-refs"):
        if os.path.exists(os.path.join(source, name)):
            shutil.copyfile(os.path.join(source, name), os.path.join(inside, name))
    git.run(f"--work-tree={target}", "checkout", "--quiet", "--force", "--detach", commit, folder=inside)
    for path, its_url, its_commit in _list_submodules(git, url, commit, source, depth=depth):
        place = os.path.join(target, *path.split("/"))
        if os.path.realpath(place) != os.path.join(os.path.realpath(target), *path.split("/")):
            message = f"the submodule `{path}` of `{url}` lies outside of the repository"
            raise UpstreamError("bad-checkout", message, where=url)
        _check_out(git, its_url, its_commit, place, provide, depth=depth + 1)
        # To who builds, a submodule is files of the tree, and not a repository within it.
        atomic.remove_tree(os.path.join(place, ".git"))


def list_submodules(git: Git, url: str, commit: str, provide: Provide) -> Sequence[tuple[str, str]]:
    """List URL and commit of each submodule of a commit, and of theirs; each is provided, once.

    Raises:
        UpstreamError: `bad-checkout`, `bad-url`, `git-failed`, and what ``provide`` raises.
    """
    found: list[tuple[str, str]] = []

    def visit(url: str, commit: str, depth: int) -> None:
        folder = provide(url, commit)
        for _, its_url, its_commit in _list_submodules(git, url, commit, folder, depth=depth):
            if (its_url, its_commit) not in found:
                found.append((its_url, its_commit))
                visit(its_url, its_commit, depth + 1)

    try:
        visit(url, commit, 0)
    except GitError as error:
        message = f"the submodules of commit `{commit}` of `{url}` cannot be listed: {error.reason}"
        raise UpstreamError("git-failed", message, where=url) from error
    return found


def _list_submodules(
    git: Git, url: str, commit: str, folder: str, *, depth: int
) -> Iterator[tuple[str, str, str]]:
    """List the submodules of a commit in a bare repository: path, URL and commit of each."""
    links, modules = {}, False
    for line in git.run("ls-tree", "-r", "-z", "--full-tree", commit, folder=folder).split(b"\0"):
        entry, _, name = line.partition(b"\t")
        if entry.startswith(b"160000 "):
            links[os.fsdecode(name)] = entry.split(b" ")[2].decode("ascii")
        elif name == b".gitmodules":
            modules = entry.startswith(b"100")
    if not links or not modules:
        return
    if depth == _DEEPEST:
        raise UpstreamError("bad-checkout", f"the submodules of `{url}` are nested too deeply", where=url)
    output = git.run("config", f"--blob={commit}:.gitmodules", "--null", "--list", folder=folder)
    stated: dict[str, dict[str, str]] = {}
    for record in output.decode(errors="surrogateescape").split("\0"):
        key, _, text = record.partition("\n")
        found = _SECTION.fullmatch(key)
        if found is not None:
            stated.setdefault(found["name"], {})[found["key"]] = text
    urls = {about["path"]: about["url"] for about in stated.values() if about.keys() >= {"path", "url"}}
    for path, its_commit in links.items():
        if path in urls:
            yield path, _absolute(url, urls[path]), its_commit


def _absolute(base: str, url: str) -> str:
    """Return the URL of a submodule; one that begins with a dot is relative to that of its repository.

    Raises:
        UpstreamError: `bad-url`, also for one that leads from a server to this machine.
    """
    if url.startswith(("./", "../")):
        scheme, _, rest = base.partition("://")
        host, _, path = rest.partition("/")
        url = f"{scheme}://{host}{posixpath.normpath(posixpath.join('/', path, url))}"
    elif re.fullmatch(r"(?!-)[\w.-]+@(?!-)[\w.-]+:(?!/).+", url):
        url = urljoin(f"ssh://{url.partition(':')[0]}/", url.partition(":")[2])
    check_url(url)
    scheme = base.partition(":")[0]
    if url.partition(":")[0] not in PROTOCOLS[scheme].split(":"):
        message = (
            f"a submodule of `{base}` leads to `{url}`, where no repository reached over {scheme} may lead"
        )
        raise UpstreamError("bad-url", message, where=base)
    return url


def find_links(folder: str) -> Iterator[str]:
    """Find the links of a tree that lead out of it; paths relative to it, POSIX."""
    root = os.path.join(os.path.realpath(folder), "")
    for place, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *files):
            path = os.path.join(place, name)
            if os.path.islink(path) and not os.path.join(os.path.realpath(path), "").startswith(root):
                yield os.path.relpath(path, folder).replace(os.sep, "/")
