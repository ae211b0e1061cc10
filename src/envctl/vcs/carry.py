"""A commit as one file: packed out of a bare repository, and made into one again where no server is.

The name of a commit is a hash of all that it consists of, so it vouches for every byte of its tree, and of
its history. Tags are names that anybody may give: those that are carried lead into the history of the commit.

History is commits and folders. Files of earlier commits are left out: uncompressed they are a hundred times
what a server sends, and no tool that learns a version from git reads one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from envctl import atomic
from envctl.manifest.references import is_revision
from envctl.vcs.command import Git, GitError
from envctl.vcs.pack import PackError, count_objects, write_pack
from envctl.vcs.repository import KEPT_AS, init, is_commit

_TAGS = "refs/tags/"


def list_tags(git: Git, folder: str, commit: str) -> Mapping[str, str]:
    """Map the tags that lead into the history of a commit to their objects; one with an odd name is left out.

    Raises:
        GitError: as git does, also for a tag whose object is missing.
    """
    form = "--format=%(objectname) %(refname)"
    listed = git.run("for-each-ref", f"--merged={commit}", form, _TAGS, folder=folder)
    found = {}
    for line in listed.decode(errors="replace").splitlines():
        name, _, reference = line.partition(" ")
        if is_revision(reference):
            found[reference.removeprefix(_TAGS)] = name
    return found


def pack_commit(
    git: Git, folder: str, commit: str, target: str, *, history: bool
) -> Mapping[str, str] | None:
    """Pack a commit of a bare repository into the new file ``target``; return its tags with their objects.

    None instead of tags where it is packed without its history. The bytes depend on the commit alone, and on
    the tags.

    Raises:
        PackError: the repository is damaged; GitError: as git does; OSError.
    """
    tags = list_tags(git, folder, commit) if history else None
    names = sorted(_list_objects(git, folder, commit, tags))
    wanted = f"{target}.names"
    atomic.write(wanted, "".join(f"{name}\n" for name in names).encode("ascii"))
    try:
        with (
            git.reading("cat-file", "--batch", "--buffer", folder=folder, feed=wanted) as source,
            atomic.create(target) as file,
        ):
            write_pack(source, file, names)
    finally:
        atomic.remove(wanted)
    return tags


def unpack_commit(
    git: Git, commit: str, folder: str, bring: Callable[[str], None], tags: Mapping[str, str] | None
) -> None:
    """Make a bare repository in an empty folder out of a pack, which ``bring`` lays to a path.

    It is as one that was fetched. Git names each object by a hash of its bytes and walks from the commit to
    all that it needs: nothing may be missing, and nothing be there beside.

    Raises:
        PackError: it holds another thing than that commit, with these tags.
    """
    pack = os.path.join(folder, "objects", "pack", "pack-carried.pack")
    try:
        form = init(git, folder, commit, "--bare")
        bring(pack)
        with open(pack, "rb") as file:
            count = count_objects(file, digest_size=32 if form == "sha256" else 20)
        _write_references(folder, commit, tags or {})
        git.run("index-pack", pack, folder=folder)
        _cut_off(git, folder, commit, history=tags is not None)
        needed = _list_objects(git, folder, commit, tags)
        reached = list_tags(git, folder, commit)
    except GitError as error:
        raise PackError(f"is not whole: {error.reason}") from error
    if len(needed) != count:
        raise PackError("holds more than the commit")
    if reached != (tags or {}):
        raise PackError("has tags that do not lead to it")


def _write_references(folder: str, commit: str, tags: Mapping[str, str]) -> None:
    references = {KEPT_AS: commit, **{f"{_TAGS}{name}": value for name, value in tags.items()}}
    if not all(is_revision(name) and is_commit(value) for name, value in references.items()):
        raise PackError("has a tag that is none")
    lines = "".join(f"{value} {name}\n" for name, value in sorted(references.items()))
    atomic.write(os.path.join(folder, "packed-refs"), lines.encode())


def _cut_off(git: Git, folder: str, commit: str, *, history: bool) -> None:
    """Make sure of the commit, and tell git where history ends if none is there."""
    try:
        peeled = git.run("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", folder=folder)
    except GitError as error:
        raise PackError("is of another commit") from error
    if not history:
        atomic.write(os.path.join(folder, "shallow"), peeled)


def _list_objects(git: Git, folder: str, commit: str, tags: Mapping[str, str] | None) -> set[str]:
    """List the objects that are carried for a commit; that they are there is made sure of."""
    options = ("rev-list", "--objects", "--no-object-names")
    listed = git.run(*options, "--max-count=1", commit, folder=folder)
    if tags is not None:
        roots = "".join(f"{name}\n" for name in (commit, *tags.values()))
        listed += git.run(
            *options, "--filter=blob:none", "--stdin", folder=folder, feed=roots.encode("ascii")
        )
    return set(listed.decode("ascii").split())
