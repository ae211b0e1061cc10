"""The lock beside a manifest, or one that is named: found, read once, and remembered by digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable

import packaging

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Manifest
from envctl.memo import Memo
from envctl.version import VERSION
from envctl.workflow.inputs import read_file
from envctl.workflow.sources import list_local_paths

LOCKS_READ = "locks-read-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedLock:
    """The lock beside the manifest; ``lock`` and ``digest`` (hex sha256 of the bytes) are None for none."""

    path: str
    lock: Lock | None
    digest: str | None


def load_lock(manifest: Manifest, path: str | None = None, *, memo: Memo | None = None) -> LoadedLock:
    """Read and parse the manifest's lock, or the one at ``path``; one that is not there is None.

    ``memo`` may know what a lock of ours holds, and is told.

    Raises:
        InputError: `bad-lock`; `no-file` for a ``path`` that is not there.
    """
    target = path if path is not None else manifest.lock.path
    if path is None and not os.path.exists(target):
        return LoadedLock(path=target, lock=None, digest=None)
    data = read_file(target)
    digest = hashlib.sha256(data).hexdigest()
    allowed = list_local_paths(manifest)
    key = _key(target, digest, allowed)
    known = memo.find(LOCKS_READ, key) if memo is not None else None
    if known is not None:
        from envctl.lock.plain import load_lock as recall  # noqa: PLC0415 - there is a lock to read

        recalled = recall(known, path=target, data=data, raw_digest=f"sha256:{digest}")
        if recalled is not None:
            return LoadedLock(path=target, lock=recalled, digest=digest)
    from envctl.lock.parse import parse as parse_lock  # noqa: PLC0415 - 30 ms; there is a lock to read

    try:
        lock = parse_lock(data, path=target, allowed_paths=allowed)
    except InputError as error:
        if path is None:
            raise
        raise InputError(error.code, error.message, where=error.where, hints=_suggest(target)) from error
    if memo is not None and lock.is_ours:
        _keep(memo, key, lock)
    return LoadedLock(path=target, lock=lock, digest=digest)


def _key(path: str, digest: str, allowed: Iterable[str]) -> str:
    """Name what decides how a lock is understood, and whether it is refused."""
    about = json.dumps([VERSION, packaging.__version__, path, digest, sorted(allowed)])
    return hashlib.sha256(about.encode()).hexdigest()


def _keep(memo: Memo, key: str, lock: Lock) -> None:
    from envctl.lock.plain import dump_lock  # noqa: PLC0415 - see above
    from envctl.lock.understand import retell  # noqa: PLC0415 - see above

    memo.keep(LOCKS_READ, key, dump_lock(lock, retell(lock.pylock)))


#: What other tools call their own locks, and how each writes the one that all can read.
_EXPORTS = {
    "uv.lock": "uv export --format pylock.toml -o pylock.uv.toml",
    "pdm.lock": "pdm export --format pylock -o pylock.pdm.toml",
}


def _suggest(path: str) -> tuple[str, ...]:
    """Say what ``--from`` takes, and how to come by it."""
    return ("`--from` takes a `pylock.toml` (PEP 751) of any tool", *suggest_export(path))


def suggest_export(path: str) -> tuple[str, ...]:
    """Say how the lock of another tool becomes one that all can read."""
    export = _EXPORTS.get(os.path.basename(path))
    return () if export is None else (f"`{export}` writes one",)
