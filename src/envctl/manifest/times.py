"""Spans and moments: ``3 days``, ``2026-01-31``, ``2026-01-31T12:00:00Z``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path

_SPAN = re.compile(r"\s*(\d{1,5})\s*(h|hours?|d|days?|w|weeks?)\s*", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_HOURS = {"h": 1, "d": 24, "w": 168}


def parse_span(document: Document, key: Path, text: str) -> timedelta | None:
    """Parse a length of time in hours, days or weeks; reports `bad-time`."""
    span = _read_span(text)
    if span is None:
        document.refuse(
            "bad-time", key, f"is {show(text)}, not a span such as `36 hours`, `3 days` or `2 weeks`"
        )
    return span


def parse_limit(
    document: Document,
    key: Path,
    value: str | bool | date | datetime,  # noqa: FBT001 - TOML's false means none
) -> timedelta | datetime | date | None:
    """Parse a limit of ``exclude-newer``; ``false`` is None, no limit. Reports `bad-time`.

    A time without a zone is UTC: a lock must not depend on where it is made.
    """
    if value is False:
        return None
    if isinstance(value, str):
        span = _read_span(value)
        limit = _read_moment(value) if span is None else span
        if limit is not None:
            return limit
    elif isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        return value
    document.refuse(
        "bad-time", key, f"is {show(value)}, not a span such as `3 days`, a date, a time or `false`"
    )
    return None


def _read_span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text)
    return timedelta(hours=int(found[1]) * _HOURS[found[2][0].lower()]) if found else None


def _read_moment(text: str) -> datetime | date | None:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
