"""``envctl diff``: two locks, of files or of git revisions, or two generations. Changes nothing."""

from __future__ import annotations

import os

from envctl.errors import InputError, UsageError
from envctl.frozen import dataclass
from envctl.lock.difference import compare, compare_coverage
from envctl.lock.lock import Lock
from envctl.lock.parse import parse as parse_lock
from envctl.manifest.manifest import Manifest
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.compared import LIVE, compare_generations, means_generation
from envctl.workflow.context import Context
from envctl.workflow.inputs import load_manifest, read_file
from envctl.workflow.locks import load_lock, suggest_export
from envctl.workflow.results import ComparedLock, Difference
from envctl.workflow.revision import read_revision

_HEAD = "HEAD"


@dataclass(frozen=True, slots=True)
class _Side:
    lock: Lock
    described: ComparedLock


def diff(
    context: Context, before: str | None = None, after: str | None = None, *, named: bool = False
) -> Difference:
    """Compare two locks, or two generations where a number or ``live`` is given.

    A lock is a file, relative to the working folder, or a git revision.

    A file of that name goes first. Left out, ``before`` is the lock in git's HEAD, and ``after`` that
    beside the manifest; of a revision the manifest's lock is meant. The manifest is read only when that
    has to be known. Only its own lock is held against its lists: of any other, what no package requires
    counts as asked for. ``named`` says that an option named an environment (a variable is meant for a
    whole shell), which has a meaning for generations only.

    Raises:
        UsageError: `bad-usage` for a generation beside a lock, and for an environment with locks.
        InputError: `no-manifest`, `no-file`, `bad-lock`, `no-such-revision`, `not-in-revision`.
        MachineError: `git-missing`, `git-failed`, `no-repository`, `no-such-generation`.
    """
    paths = [_find_file(context, place) for place in (before, after)]
    if before is not None and paths[0] is None and means_generation(before):
        if after is not None and (paths[1] is not None or not means_generation(after)):
            raise _mixed(before, after)
        return compare_generations(context, before, after or LIVE)
    if before is not None and after is not None and paths[1] is None and means_generation(after):
        raise _mixed(after, before)
    if named:
        raise UsageError("bad-usage", "two locks are for all environments; `--env` is for generations")
    manifest = load_manifest(context).manifest if None in paths else None
    old = _load(context, manifest, paths[0], _HEAD if before is None else before)
    asked = None
    if after is not None:
        new = _load(context, manifest, paths[1], after)
    else:
        assert manifest is not None  # noqa: S101 - it is loaded where something is no file
        new = _load_own(manifest)
        asked = asked_by_anyone(manifest)
    covered, uncovered = compare_coverage(old.lock, new.lock)
    return Difference(
        before=old.described,
        after=new.described,
        changes=compare(old.lock, new.lock, asked=asked),
        covered=covered,
        uncovered=uncovered,
    )


def _mixed(generation: str, lock: str) -> UsageError:
    return UsageError(
        "bad-usage",
        f"`{generation}` is a generation and `{lock}` a lock; two of a kind can be compared",
        hints=[f"a git revision of that name is written `{generation}^0`"],
    )


def _find_file(context: Context, place: str | None) -> str | None:
    path = os.path.normpath(os.path.join(context.directory, place or ""))
    return path if place is not None and os.path.isfile(path) else None


def _load_own(manifest: Manifest) -> _Side:
    """Load the lock beside the manifest.

    Raises:
        InputError: `no-file`, `bad-lock`.
    """
    loaded = load_lock(manifest)
    if loaded.lock is None:
        raise InputError(
            "no-file",
            f"there is no `{os.path.basename(loaded.path)}` to be compared",
            where=loaded.path,
            hints=["`envctl lock` writes it", "`envctl diff FILE FILE` takes any two"],
        )
    return _Side(loaded.lock, ComparedLock(path=loaded.path, packages=len(loaded.lock.packages)))


def _load(context: Context, manifest: Manifest | None, path: str | None, place: str) -> _Side:
    """Load the lock at ``path``, or that of the revision ``place``."""
    if path is not None:
        lock = _parse(read_file(path), path, path)
        return _Side(lock, ComparedLock(path=path, packages=len(lock.packages)))
    assert manifest is not None  # noqa: S101 - it is loaded where something is no file
    own = manifest.lock.path
    recorded = read_revision(own, place, context.settings)
    lock = _parse(recorded.data, own, f"{place}:{os.path.basename(own)}")
    return _Side(
        lock,
        ComparedLock(path=own, packages=len(lock.packages), revision=place, commit=recorded.commit),
    )


def _parse(data: bytes, path: str, where: str) -> Lock:
    """Parse a lock that is only looked at: what the manifest of its time allowed is not known."""
    try:
        return parse_lock(data, path=path, allowed_paths=None)
    except InputError as error:
        hints = ["only a `pylock.toml` (PEP 751) can be compared", *suggest_export(path)]
        raise InputError(error.code, error.message, where=where, hints=hints) from error
