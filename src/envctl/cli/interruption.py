"""SIGTERM as an exception, so that what was begun is undone on the way out."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from envctl.cli.exit import Terminated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    # A second one while the first is being cleaned up after would only break the cleaning.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


@contextmanager
def raise_on_termination() -> Iterator[None]:
    """Raise `Terminated` in the main thread when the process is asked to end.

    A no-op in another thread than the main one, where handlers cannot be set.
    """
    try:
        before = signal.signal(signal.SIGTERM, _terminate)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        if before is not None:  # None: a handler that Python did not set, and cannot set again
            signal.signal(signal.SIGTERM, before)
