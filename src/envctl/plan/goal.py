"""What manifest and lock want of one environment on this machine: all that planning starts from but the disk.

Made by reading manifest and lock, which costs a hundred modules, or kept from the last time it was, as JSON:
so that who has the same files again needs none of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from envctl.frozen import dataclass
from envctl.lock.difference import LockChange
from envctl.model.artifact import Archive, Checkout, Directory, Sdist, Wheel
from envctl.model.interpreter import Interpreter
from envctl.model.plain import decode, describe_shape, encode
from envctl.model.selection import Pin, Selection
from envctl.model.tables import BuildInputs, InstallSettings, PolicySettings, Rule, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalLock:
    """The lock of a goal. ``digest`` (hex sha256) is of the file as it is now, None where there is none.

    ``text`` is what is to be written, None when the file stays as it is; ``changes`` says what that moves.
    """

    path: str
    digest: str | None
    text: str | None = None
    changes: tuple[LockChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One environment as it shall be.

    ``path`` and ``manifest`` are absolute; ``prompt`` is the manifest's ``name``. ``platform`` names the
    target; ``locked`` holds the names of all projects of the lock, ``yanked`` those of the pins that were
    yanked when it was made, with the reason, None where nobody knows, and ``status`` likewise those that
    were archived or deprecated. ``digests`` are those of a plan's
    inputs, by label, but the options; ``files`` those of the files that were read (``sha256:…`` or
    ``absent``), by absolute path, the lock's own not among them.
    """

    name: str
    path: str
    manifest: str
    prompt: str | None
    interpreter: Interpreter
    platform: str
    selection: Selection
    locked: frozenset[str]
    yanked: Mapping[str, str] | None
    status: Mapping[str, str] | None
    install: InstallSettings
    build: BuildInputs
    policy: PolicySettings
    lock: GoalLock
    digests: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def folder(self) -> str:
        """The folder of the manifest."""
        return os.path.dirname(self.manifest)


_CLASSES: Mapping[str, Any] = {
    each.__name__: each
    for each in (
        Archive, BuildInputs, Checkout, Directory, Goal, GoalLock, InstallSettings, Interpreter,
        LockChange, Pin, PolicySettings, Rule, Sdist, Selection, Waiver, Wheel,
    )
}  # fmt: skip


#: What kept goals are like: part of the name under which they are kept.
SHAPE = describe_shape(_CLASSES)


def format_goal(goal: Goal) -> str:
    """Write a goal as JSON."""
    return json.dumps(encode(goal), separators=(",", ":"))


def parse_goal(text: str) -> Goal:
    """Read what `format_goal` wrote, by this version of envctl."""
    goal = decode(json.loads(text), _CLASSES, {})
    assert isinstance(goal, Goal)  # noqa: S101 - nothing else is written
    return goal
