"""Replace text files together with a switch: the lock, and for edits the manifest.

The new text is written beside each file before the switch, so that after it only renames are left,
which need no room on the disk. A file that somebody changed since the run began is left, and told.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence

from envctl import atomic
from envctl.frozen import dataclass
from envctl.model.events import Notice
from envctl.transaction.blueprint import Replacement
from envctl.transaction.journal import Planned


def plan_replacements(replacements: Sequence[Replacement]) -> tuple[Planned, ...]:
    """Name the temporary file of each replacement, beside the file itself; links are followed."""
    return tuple(
        Planned(each, f"{os.path.realpath(each.path)}.envctl-{os.urandom(6).hex()}") for each in replacements
    )


def prepare(planned: Sequence[Planned]) -> None:
    """Write and flush the new texts beside their files. Raises `OSError`."""
    for each in planned:
        _prepare(each)


def _prepare(each: Planned) -> None:
    atomic.write(each.temporary, each.replacement.after, mode=_read_mode(each.replacement.path))
    atomic.flush(each.temporary)


def _read_mode(path: str) -> int:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return 0o644


def forget(planned: Sequence[Planned]) -> None:
    """Remove the new texts again. Raises `OSError`."""
    for each in planned:
        atomic.remove(each.temporary)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A file that was replaced, with its old content (None: there was none), to undo it."""

    path: str
    content: bytes | None


def replace_all(planned: Sequence[Planned], done: list[Replaced]) -> list[Notice]:
    """Put the new texts in place; ``done`` grows as files are replaced, so that it can be undone.

    Returns what is to be told, later: telling may fail, and here nothing else may. May be called again
    after it was interrupted. Raises `OSError`.
    """
    notices = []
    for each in planned:
        target = os.path.realpath(each.replacement.path)
        content = _read(target)
        if content == each.replacement.after:
            atomic.remove(each.temporary)
        elif _digest(content) != each.replacement.before:
            atomic.remove(each.temporary)
            notices.append(_left(each.replacement.path))
        else:
            if not os.path.lexists(each.temporary):
                _prepare(each)
            atomic.rename(each.temporary, target)
            done.append(Replaced(target, content))
            atomic.flush_directory(os.path.dirname(target))
    return notices


def undo_replacements(done: Sequence[Replaced]) -> None:
    """Give replaced files their old content back. Raises `OSError`."""
    for each in reversed(done):
        if each.content is None:
            atomic.remove(each.path)
        else:
            atomic.replace(each.path, each.content)


def _left(path: str) -> Notice:
    return Notice(
        "warning",
        "file-changed-meanwhile",
        f"`{path}` was changed by somebody else meanwhile, and is left as it is",
        ("`envctl plan` shows what it means for the environment",),
    )


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
