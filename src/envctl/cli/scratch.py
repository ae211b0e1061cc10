"""``--no-cache``: a cache of one run alone, gone when that ends."""

from __future__ import annotations

import os
import tempfile

from envctl import atomic
from envctl.cli.console import Console
from envctl.frozen import replace
from envctl.model.settings import Settings


def with_scratch_cache(settings: Settings, console: Console) -> Settings:
    """Give settings whose cache is an empty folder that `Console.finish` deletes.

    It lies beside the cache that others use, because what lies there can often be linked, and in the
    folder for temporary files where that cannot be written. The locks between runs stay where the other
    runs look for them.
    """
    shared = settings.cache_dir
    beside = os.path.dirname(shared) if _can_write(shared) and _can_write(os.path.dirname(shared)) else None
    if beside is not None:
        atomic.make_directories(beside)
    folder = tempfile.mkdtemp(prefix="envctl-run-", dir=beside)
    console.closers.append(lambda: _remove(folder))
    return replace(settings, cache_dir=folder, lock_dir=folder if beside is None else shared)


def _can_write(folder: str) -> bool:
    """Whether a folder may be written, or be made."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _remove(folder: str) -> None:
    try:
        atomic.remove_tree(folder)
    except OSError:
        pass  # it is a temporary file that stays, and no reason to fail
