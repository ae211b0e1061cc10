"""Writing the lock beside a manifest: whole, one run at a time, and never over what was not read."""

from __future__ import annotations

import os

from envctl import atomic
from envctl.errors import MachineError
from envctl.model.events import Emit
from envctl.receipt import ABSENT, digest_file
from envctl.transaction.leftovers import sweep
from envctl.transaction.lock import hold, lock_path_for

#: Seconds to wait for another run that writes the manifest or the lock.
LOCK_TIMEOUT = 60.0


def write_lock(
    path: str,
    text: bytes,
    *,
    before: str,
    manifest: str,
    folder: str,
    emit: Emit,
    timeout: float = LOCK_TIMEOUT,
) -> None:
    """Replace the lock at ``path``, unless somebody wrote it since it was read.

    ``before`` is the digest of what was read (``sha256:…`` or ``absent``), ``folder`` where runs keep each
    other from writing one file.

    Raises:
        MachineError: `lock-moved`, `not-writable`, `no-lock`; BusyError: `locked`.
    """
    with hold(lock_path_for(manifest, folder), timeout=timeout, emit=emit):
        sweep(path)
        if (digest_file(path) or ABSENT) != before:
            raise MachineError(
                "lock-moved",
                f"`{os.path.basename(path)}` was written by somebody else meanwhile; it is left as it is",
                where=path,
                hints=["run the command again"],
            )
        try:
            # The old lock that a power cut may bring back is whole, and stale as before: nothing is lost.
            atomic.replace(path, text, named=False)
        except OSError as error:
            message = f"`{path}` cannot be written: {error.strerror}"
            raise MachineError("not-writable", message, where=path) from error
