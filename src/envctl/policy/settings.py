"""The settings of a policy rule with their types, which the manifest's parser has made sure of."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase

from envctl.model.tables import Rule

_DAY = timedelta(days=1)


def read_patterns(rule: Rule, key: str) -> tuple[str, ...] | None:
    """Read a list of globs; None when it is left out, which an empty list is not."""
    value = rule.settings.get(key)
    return tuple(map(str, value)) if isinstance(value, tuple | list) else None


def read_age(rule: Rule) -> int | None:
    """Read ``age`` in days, rounded up: a verdict depends on the day, not on the hour."""
    value = rule.settings.get("age")
    return -(-value // _DAY) if isinstance(value, timedelta) else None


def read_size(rule: Rule) -> int | None:
    """Read ``max`` in bytes."""
    value = rule.settings.get("max")
    return value if isinstance(value, int) else None


def matches(text: str | None, patterns: tuple[str, ...] | None) -> bool:
    """Tell whether a text, such as a normalised name, fits one of the globs; no text fits none."""
    return text is not None and any(fnmatchcase(text, pattern) for pattern in patterns or ())
