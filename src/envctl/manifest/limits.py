"""Limits of ``exclude-newer`` as text, apart from what parses them: a lock that is made only writes."""

from __future__ import annotations

from datetime import date, datetime, timedelta


def format_limit(limit: timedelta | datetime | date | None) -> str | bool:
    """Write a limit so that the manifest's parser reads it again: a span stays one, None is false."""
    if limit is None:
        return False
    if not isinstance(limit, timedelta):
        return limit.isoformat()
    days, rest = divmod(limit, timedelta(days=1))
    return f"{limit // timedelta(hours=1)} hours" if rest else f"{days} days"
