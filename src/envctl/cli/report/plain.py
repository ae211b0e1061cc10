"""Progress off a terminal: one line when a phase is over, so that logs stay short."""

from __future__ import annotations

import threading

from envctl.cli.console import Console
from envctl.cli.report.notice import Notices
from envctl.cli.report.progress import Progress
from envctl.model.events import Event, Notice


class PlainReporter:
    """Prints the summary of each phase, and notices; with ``-q`` nothing."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._notices = Notices(console)
        self._progress = Progress()
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Take in one event, from any thread."""
        with self._lock:
            if isinstance(event, Notice):
                self._notices.show(event)
                return
            line = self._progress.follow(event)
            if line and not self._console.quiet:
                self._console.say([line])
