"""What was done to an environment, one line for each switch, oldest first.

``<environment>.envctl/history.jsonl``::

    {"number": 8, "time": "2026-11-23T06:00:00Z", "command": "apply", "python": "3.11.7", "packages": 75,
     "changes": {"idna": ["3.6", "3.10"], "six": ["1.17", null]}}

What changed is written down at the switch, when both trees are there: later the one before may be gone.
A line that cannot be read is passed over: nothing depends on the history but people, and the order in
which earlier generations are given up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from envctl import atomic
from envctl.frozen import dataclass, fields
from envctl.transaction.site import Site

#: More lines than these are not kept.
LIMIT = 1000

#: Versions before and after by normalised name, None where a package was not there or is no more.
PackageChanges = Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Generation ``number`` became the live one. ``time`` is RFC 3339 in UTC; ``packages`` counts.

    ``changes`` are against what was live before; None where nothing was, or where a line does not say.
    """

    number: int
    time: str
    command: str
    python: str
    packages: int
    changes: PackageChanges | None = None


def format_event(event: Event) -> str:
    """Format one line, without its end."""
    table = {name: getattr(event, name) for name in fields(event) or ()}
    return json.dumps({name: value for name, value in table.items() if value is not None})


def parse_history(text: str) -> tuple[Event, ...]:
    """Parse what can be parsed of a history, oldest first."""
    events = []
    for line in text.splitlines():
        try:
            table: Any = json.loads(line)
            events.append(
                Event(
                    number=int(table["number"]),
                    time=str(table["time"]),
                    command=str(table["command"]),
                    python=str(table["python"]),
                    packages=int(table["packages"]),
                    changes=_parse_changes(table.get("changes")),
                )
            )
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(events)


def _parse_changes(table: Any) -> PackageChanges | None:
    if table is None:
        return None
    return {str(name): (_text(before), _text(after)) for name, (before, after) in dict(table).items()}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def read_history(site: Site) -> tuple[Event, ...]:
    """Read the history, oldest first; empty when there is none."""
    return parse_history(_read(site))


def add_lines(site: Site, lines: Sequence[str]) -> None:
    """Add lines to the history, unless they are its last ones already. Raises `OSError`.

    Not flushed: it informs, and a power cut may cost the last lines, never those before.
    """
    text = _read(site)
    found = text.splitlines()
    if not lines or found[-len(lines) :] == list(lines):
        return
    if len(found) + len(lines) > LIMIT:
        atomic.replace(site.history, _join([*found, *lines][-LIMIT:]))
    else:
        # A line that was torn by a power cut stays one of its own, which nobody can parse.
        gap = b"\n" if text and not text.endswith("\n") else b""
        atomic.append(site.history, gap + _join(lines))


def _join(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _read(site: Site) -> str:
    try:
        with open(site.history, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
