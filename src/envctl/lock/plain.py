"""A lock that was parsed, as JSON and back: read in a few milliseconds, without any parser.

Only of locks of our own. What `envctl.lock.parse` checks was checked when it was written.
"""

from __future__ import annotations

import json

from envctl.lock import entries as module
from envctl.lock.entries import Entries
from envctl.lock.lock import Lock
from envctl.model.plain import decode, describe_shape, encode, frozen_classes

_CLASSES = frozen_classes(module)

# What kept locks are like: those of another shape are of another version.
_SHAPE = describe_shape(_CLASSES)


def dump_lock(lock: Lock, entries: Entries) -> bytes:
    """Write a lock but for its bytes; ``entries`` are what it holds."""
    about = [_SHAPE, lock.digest, lock.targets, lock.pythons, encode(entries)]
    return json.dumps(about, separators=(",", ":")).encode("ascii")


def load_lock(text: bytes, *, path: str, data: bytes, raw_digest: str) -> Lock | None:
    """Read what `dump_lock` wrote of the lock at ``path``, whose bytes and digest are given.

    None for what another version of envctl wrote.
    """
    shape, *rest = json.loads(text)
    if shape != _SHAPE:
        return None
    digest, targets, pythons, entries = rest
    return Lock(
        path=path,
        data=data,
        raw_digest=raw_digest,
        digest=digest,
        targets=tuple(targets),
        pythons=tuple(pythons),
        entries=decode(entries, _CLASSES, {}),
    )
