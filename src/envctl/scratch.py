"""Folders for what is needed for a while, where the system keeps such things."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from envctl import atomic


@contextmanager
def scratch_folder(purpose: str) -> Iterator[str]:
    """Give a new folder of our own, which is removed at the end, as far as the file system lets us."""
    import tempfile  # noqa: PLC0415 - few runs need it, and it loads `random` and `shutil`

    # `tempfile.TemporaryDirectory` calls itself without end where neither deleting nor ``chmod`` works.
    folder = tempfile.mkdtemp(prefix=f"envctl-{purpose}-")
    try:
        yield folder
    finally:
        try:
            atomic.remove_tree(folder)
        except OSError:
            pass  # it is a temporary file that stays, and no reason to fail
