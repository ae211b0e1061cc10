"""A lock that was made before, written again before the command line is parsed; loads little."""

from __future__ import annotations

import os

from envctl.cli.exit import TERMINATED, Terminated
from envctl.cli.fast import Answer
from envctl.cli.interruption import raise_on_termination
from envctl.errors import EnvctlError
from envctl.made import describe_wish, list_notices
from envctl.memo import Memo
from envctl.model.events import ignore
from envctl.workflow.again import recall_lock, write_again

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envctl.made import Made


class Row:
    """A `LockChange` with its attributes: that class would take long to load."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.__dict__.update(fields)


def lock_again(manifest: str, *, cache: str, config: str, upgrade: bool, quiet: bool) -> Answer | None:
    """Write the lock of ``manifest`` as an earlier run made it, and say what that run said of it.

    None where something has moved since, or where there is anything to wait for or to complain about: then
    nothing was done or printed, and the whole command finds out and says what.
    """
    made = recall_lock(
        Memo(cache),
        manifest,
        environment=None,
        wish=describe_wish(upgrade=upgrade),
        config=config,
        environ=os.environ,
    )
    if made is None:
        return None
    try:
        with raise_on_termination():
            written = write_again(made, manifest=manifest, folder=cache, emit=ignore, timeout=0)
    except EnvctlError:
        return None
    except Terminated:
        raise SystemExit(TERMINATED) from None
    if not quiet:
        _repeat_words(made)
    return Answer(
        made.path,
        made.packages,
        fresh=made.is_fresh,
        written=written,
        changes=tuple(Row(change) for change in made.changes),
    )


def _repeat_words(made: Made) -> None:
    from envctl.cli.console import Console

    console = Console(color=os.environ.get("ENVCTL_COLOR"))
    for level, code, message, hints in list_notices(made.labels):
        from envctl.cli.report.notice import notice_lines
        from envctl.model.events import Notice

        console.say(notice_lines(Notice(level, code, message, hints)))
    if made.labels["summary"]:
        console.say([made.labels["summary"]])
