"""A file of the user that is edited: in memory first, and put in place with the lock and the environment.

A project that is installed itself is read by its build backend where it lies, and nowhere else. For it
alone, and only while metadata and wheels are made, the new ``pyproject.toml`` lies on disk before its time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.receipt import digest_file
from envctl.transaction.blueprint import Replacement
from envctl.transaction.lent import give_back, lend
from envctl.transaction.shield import Shield
from envctl.transaction.site import Site


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
def laid_out(edits: Iterable[FileEdit], site: Site) -> Iterator[None]:
    """Let the file that is built from hold its new text for a while; then it is as before. ``site`` is held.

    Raises:
        MachineError: `file-changed-meanwhile`, `not-writable`.
    """
    # At most one: a project has its lists in one file.
    edit = next((edit for edit in edits if edit.is_built_from), None)
    if edit is None or edit.before is None:
        yield
        return
    refuse_moved([edit.replacement])
    try:
        with _named(edit.path):
            lend(site, edit.path, before=edit.before, after=edit.after)
        yield
    finally:
        with Shield(), _named(edit.path):
            give_back(site)


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


@contextmanager
def _named(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(
            "not-writable", f"`{path}` cannot be written: {error.strerror}", where=path
        ) from error
