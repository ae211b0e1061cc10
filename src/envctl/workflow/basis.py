"""What a lock was resolved from, as far as that was the cache: enough to know when it would be another."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.frozen import dataclass
from envctl.model.events import Emit, Ended, Event, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The records that one resolution was answered from.

    ``records`` maps the path of each to its size and mtime (see `envctl.receipt`); ``until`` is the moment,
    in seconds since the epoch, at which the first stops being fresh, None where none was asked for.
    ``settings`` is the digest of the user's settings when it began, None for none. What was said meanwhile
    are ``notices`` and ``summary``.
    """

    records: Mapping[str, str]
    until: int | None
    settings: str | None
    notices: tuple[Notice, ...]
    summary: str


class Listener:
    """Passes events on, and remembers what a resolution said."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.notices: list[Notice] = []
        self.summary = ""

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case Notice():
                self.notices.append(event)
            case Ended():
                self.summary = event.summary
            case _:
                pass
        self._emit(event)
