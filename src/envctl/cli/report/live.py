"""Progress on a terminal: bars that are redrawn while a phase runs, and gone when it is over.

The terminal library takes longer to load than many a run takes, so nothing is drawn before a phase
has lasted `PATIENCE` seconds; a timer thread loads it then.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from envctl.cli.console import Console
from envctl.cli.report.notice import Notices
from envctl.cli.report.progress import Progress
from envctl.model.events import Ended, Event, Notice, Phase

if TYPE_CHECKING:
    from envctl.cli.report.bars import Bars

#: Seconds until a display is worth its weight.
PATIENCE = 0.25


class LiveReporter:
    """Draws the running phases on stderr, and prints summaries and notices above them."""

    def __init__(self, console: Console, *, patience: float = PATIENCE) -> None:
        self._console = console
        self._patience = patience
        self._notices = Notices(console)
        self._progress = Progress()
        # Reentrant: what is printed under it makes the console call `suspend`.
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._bars: Bars | None = None
        self._closed = False

    def emit(self, event: Event) -> None:
        """Take in one event, from any thread."""
        with self._lock:
            if isinstance(event, Notice):
                self._notices.show(event)
                return
            line = self._progress.follow(event)
            if line and not _goes_without_saying(event):
                self._console.say([line])
            self._redraw()

    def suspend(self) -> None:
        """Clear the display, because something is about to be printed; the next event draws it again."""
        with self._lock:
            if self._bars is not None:
                self._bars.clear()

    def close(self) -> None:
        """End the display for good."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            if self._bars is not None:
                self._bars.clear()

    def _redraw(self) -> None:
        if self._closed:
            return
        if self._bars is not None:
            self._bars.draw(self._progress.phases)
        elif self._progress.phases and self._timer is None:
            self._timer = threading.Timer(self._patience, self._begin)
            self._timer.daemon = True
            self._timer.start()
        elif not self._progress.phases and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        # Loaded outside the lock: events go on while it takes its time.
        from envctl.cli.report.bars import Bars

        with self._lock:
            self._timer = None
            if self._closed or not self._progress.phases or self._bars is not None:
                return
            self._bars = Bars(colored=self._console.colored)
            self._bars.draw(self._progress.phases)


def _goes_without_saying(event: Event) -> bool:
    """Whether the bar has told all of a phase: who saw it unpack need not read that it did."""
    return isinstance(event, Ended) and event.phase is Phase.UNPACK
