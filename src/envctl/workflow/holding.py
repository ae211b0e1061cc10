"""The kernel locks that a command holds while it writes: of the environment, and of manifest and lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from envctl.store.folder import refuse_file
from envctl.transaction.held import Held
from envctl.transaction.leftovers import sweep
from envctl.transaction.lock import hold, lock_path_for
from envctl.transaction.opening import open_site
from envctl.transaction.site import locate
from envctl.transaction.trash import may_detach
from envctl.workflow.context import Context, Place


@contextmanager
def hold_site(context: Context, place: Place, *, lock_timeout: float) -> Iterator[Held]:
    """Hold an environment, and the right to write its manifest and lock."""
    settings = context.settings
    lock_folder = settings.lock_dir or settings.cache_dir
    refuse_file(lock_folder)
    lock = lock_path_for(place.manifest, lock_folder)
    with (
        hold(lock, timeout=lock_timeout, emit=context.emit),
        open_site(
            locate(place.environment),
            emit=context.emit,
            lock_timeout=lock_timeout,
            detach=may_detach(settings.environ),
        ) as held,
    ):
        # After recovery, which may still need them.
        sweep(place.manifest, *([place.lock] if place.lock else []))
        yield held
