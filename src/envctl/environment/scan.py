"""What is really in an environment, as a value: `scan`. Reads, and changes nothing.

Whose it is decides how it is looked at: `envctl.environment.ours` knows what was put there, and
`envctl.environment.others` what RECORDs say.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat

from envctl.environment.identity import GENERATION, GenerationRecord, parse_generation
from envctl.environment.mounts import is_vacant
from envctl.environment.others import scan_others
from envctl.environment.ours import scan_ours
from envctl.environment.tree import walk
from envctl.errors import MachineError
from envctl.frozen import replace
from envctl.model.state import Distribution, Owner, State
from envctl.plan.origin import relate_direct_url, shorten_origin

#: How often a tree that changes places all the while is looked at.
_MOST_LOOKS = 10


def scan(path: str, *, verify: str = "stat", lives_at: str | None = None) -> State:
    """Look at the environment at ``path`` (absolute).

    ``verify`` is ``stat``, or ``hash`` to read every file that envctl put there. ``lives_at`` is the path
    that the tree is made for, when it is looked at somewhere else: in staging, among the generations.

    What cannot be an environment is told by the state's owner and reason; no exception is raised for what
    lies on the disk. One of another user is looked at like any other, as in an image that root makes for a
    service: who may change it is not asked here. A tree that changes places with another one meanwhile is
    looked at again, so that what is told is of one of them.
    """
    path = os.path.abspath(path)
    before, state = _identify(path), _scan(path, verify=verify, lives_at=lives_at)
    for _ in range(_MOST_LOOKS - 1):
        after = _identify(path)
        if after == before:
            break
        before, state = after, _scan(path, verify=verify, lives_at=lives_at)
    return _seal(state)


def _identify(path: str) -> tuple[tuple[int, int, int] | None, ...]:
    """Say which tree lies at a path: its folder, and what names its generation."""
    return tuple(_stamp(each) for each in (path, os.path.join(path, GENERATION)))


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        seen = os.lstat(path)
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino, 0 if stat.S_ISDIR(seen.st_mode) else seen.st_mtime_ns)


def _scan(path: str, *, verify: str, lives_at: str | None) -> State:
    reason = _find_obstacle(path)
    if reason is not None:
        return State(path=path, owner=Owner.UNKNOWN, distributions={}, reason=reason)
    if not os.path.lexists(path):
        return State(path=path, owner=Owner.NOBODY, distributions={})
    record = _read_record(path)
    if record is not None:
        return scan_ours(path, record, verify=verify, lives_at=lives_at or path)
    if os.path.isfile(os.path.join(path, "pyvenv.cfg")):
        return scan_others(path, walk(path))
    if is_vacant(path):
        return State(path=path, owner=Owner.NOBODY, distributions={})
    reason = "it is a folder without `pyvenv.cfg`"
    return State(path=path, owner=Owner.UNKNOWN, distributions={}, reason=reason)


def _find_obstacle(path: str) -> str | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory"
    if not os.access(path, os.R_OK | os.X_OK):
        return "it cannot be read"
    return None


def _read_record(path: str) -> GenerationRecord | None:
    try:
        with open(os.path.join(path, GENERATION), "rb") as file:
            return parse_generation(file.read())
    except (OSError, MachineError):
        return None


def _seal(state: State) -> State:
    """Fill in the digest: of everything a plan depends on, and nothing else.

    Not in it are the path and the number of the generation, nor where folders lie that were installed
    from, so that another checkout in the same state has the same digest; sizes of foreign files, which no
    plan looks at; and words for people.
    """
    home = os.path.dirname(state.path)
    facts = [
        state.owner,
        state.python,
        sorted(
            [
                each.name,
                each.version,
                *_describe_origin(each, home),
                each.requested,
                each.managed,
                each.intact,
            ]
            for each in state.distributions.values()
        ),
        [[line.address, line.kind, line.path] for line in state.drift],
        [[each.path, each.data] for each in state.foreign],
        state.reason,
    ]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return replace(state, digest=f"sha256:{digest}")


def _describe_origin(distribution: Distribution, home: str) -> tuple[str | None, str | None]:
    """Give what a distribution came from without what only this checkout has.

    The digest of its metadata tells a folder that envctl installed; one of others is told by its path,
    from ``home`` where it lies there.
    """
    short = shorten_origin(distribution.origin)
    if short != distribution.origin:
        return short, None
    return relate_direct_url(short, home), relate_direct_url(distribution.direct_url, home)
