"""Which reporter a run has: none, one line a phase, or a live display."""

from __future__ import annotations

from envctl.cli.console import Console
from envctl.model.events import Emit


def choose_reporter(console: Console) -> Emit:
    """Choose by what stderr is, and register the end of a live display with the console."""
    from envctl.cli.report.plain import PlainReporter

    if not console.live or console.quiet:
        return PlainReporter(console).emit
    from envctl.cli.report.live import LiveReporter

    reporter = LiveReporter(console)
    console.before_write = reporter.suspend
    console.closers.append(reporter.close)
    return reporter.emit
