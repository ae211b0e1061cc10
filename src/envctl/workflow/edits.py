"""A file of the user that is edited: in memory first, and put in place with the lock and the environment.

A project that is installed itself is read by its build backend where it lies, and nowhere else. For it
alone, and only while metadata and wheels are made, the new ``pyproject.toml`` lies on disk before its time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from envctl import atomic
from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.receipt import digest_file
from envctl.transaction.blueprint import Replacement
from envctl.transaction.shield import Shield


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """A file with its text before (None: there is none) and after.

    ``is_built_from`` says that a backend will read it.
    """

    path: str
    before: bytes | None
    after: bytes
    is_built_from: bool = False

    @property
    def replacement(self) -> Replacement:
        """The edit as a part of a transaction."""
        before = None if self.before is None else hashlib.sha256(self.before).hexdigest()
        return Replacement(path=self.path, before=before, after=self.after)


@contextmanager
def laid_out(edits: Iterable[FileEdit]) -> Iterator[None]:
    """Let the files that are built from hold their new text for a while; then they are as before.

    Raises:
        MachineError: `file-changed-meanwhile`, `not-writable`.
    """
    done: list[FileEdit] = []
    try:
        for edit in edits:
            if edit.is_built_from and edit.before is not None:
                refuse_moved([edit.replacement])
                done.append(edit)
                _write(edit.path, edit.after)
        yield
    finally:
        with Shield():
            for edit in done:
                # What somebody else wrote meanwhile is theirs.
                if digest_file(edit.path) == f"sha256:{hashlib.sha256(edit.after).hexdigest()}":
                    _write(edit.path, edit.before or b"")


def refuse_moved(replacements: Iterable[Replacement]) -> None:
    """Refuse to go on when a file is not what it was when it was read.

    Raises:
        MachineError: `file-changed-meanwhile`.
    """
    for each in replacements:
        if digest_file(each.path) != (f"sha256:{each.before}" if each.before else None):
            raise MachineError(
                "file-changed-meanwhile",
                f"`{os.path.basename(each.path)}` was changed by somebody else meanwhile; all is as it was",
                where=each.path,
                hints=["run the command again"],
            )


def _write(path: str, text: bytes) -> None:
    try:
        atomic.replace(path, text)
    except OSError as error:
        raise MachineError(
            "not-writable", f"`{path}` cannot be written: {error.strerror}", where=path
        ) from error
