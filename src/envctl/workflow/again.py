"""The lock that an earlier run made, written again while nothing has moved that it was made from.

Loads little, so that it can be asked before a command line is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping

from envctl.made import NONE, Made, find_made, key_for
from envctl.memo import Memo
from envctl.model.events import Emit
from envctl.workflow.writing import write_lock


def recall_lock(
    memo: Memo,
    manifest: str,
    *,
    environment: str | None,
    wish: str,
    config: str,
    environ: Mapping[str, str],
) -> Made | None:
    """Recall what the lock of ``manifest`` (absolute) would be; ``config`` is where user's settings lie."""
    made = find_made(memo, key_for(manifest, environment, wish), config)
    if made is None or made.labels["pythons"] == NONE:
        return made
    from envctl.environment.discover import digest_candidates  # noqa: PLC0415 - mostly there is no choice

    return made if digest_candidates(environ) == made.labels["pythons"] else None


def write_again(made: Made, *, manifest: str, folder: str, emit: Emit, timeout: float) -> bool:
    """Write a lock that was recalled, unless it is there already; say whether it was written.

    Raises:
        MachineError, BusyError: as `write_lock`.
    """
    if made.is_there:
        return False
    write_lock(
        made.path,
        made.text,
        before=made.before,
        manifest=manifest,
        folder=folder,
        emit=emit,
        timeout=timeout,
    )
    return True
