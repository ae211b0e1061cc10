"""Notices as lines."""

from __future__ import annotations

from envctl.cli.console import Console, Line, Styled
from envctl.model.events import Notice


class Notices:
    """Shows each notice once: a step that is done twice has nothing new to tell."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: set[tuple[str, str]] = set()

    def show(self, notice: Notice) -> None:
        """Print a notice, where it is wanted and new."""
        about = (notice.code, notice.message)
        if about not in self._told and wants(self._console, notice):
            self._told.add(about)
            self._console.say(notice_lines(notice))


def notice_lines(notice: Notice) -> list[Line]:
    """Put a notice into words: warnings like errors, with their code; remarks as a plain line."""
    match notice.level:
        case "warning":
            first: Line = (Styled("warning:", "yellow"), f" {notice.message} [{notice.code}]")
        case "debug":
            first = (Styled(notice.message, "dim"),)
        case _:
            first = notice.message
    return [first, *((Styled("hint:", "cyan"), f" {hint}") for hint in notice.hints)]


def wants(console: Console, notice: Notice) -> bool:
    """Decide whether a notice is shown: debug with ``-v``, and nothing with ``-q``."""
    if notice.level == "debug":
        return console.verbose
    return not console.quiet
