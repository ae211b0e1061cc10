"""The settings of a policy rule, read with their types.

Every function raises InputError `bad-policy` for a value of another type, at the first look.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from envctl.errors import InputError
from envctl.manifest.manifest import Rule

_AGE = re.compile(r"([0-9]{1,6}) *(hour|day|week)s?\Z", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,12}) *(B|kB|KB|MB|GB|KiB|MiB|GiB)\Z", re.ASCII)
_UNITS = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_HOURS = {"hour": 1, "day": 24, "week": 7 * 24}


def read_patterns(rule: Rule, key: str) -> tuple[str, ...] | None:
    """Read a list of globs; None when it is left out, which an empty list is not."""
    value = rule.settings.get(key)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _refuse(rule, key, "is not a list of strings")
    return tuple(value)


def read_age(rule: Rule) -> int | None:
    """Read ``age`` in days, rounded up: ``"36 hours"``, ``"7 days"``, ``"2 weeks"``, or a number of days."""
    value = rule.settings.get("age")
    if value is None:
        return None
    if type(value) is int and value >= 0:
        return value
    match = _AGE.match(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse(rule, "age", 'is not an age such as `"7 days"`')
    return -(-int(match[1]) * _HOURS[match[2]] // 24)


def read_size(rule: Rule, key: str) -> int | None:
    """Read a size in bytes: a number, or text such as ``"200 MB"`` or ``"1 GiB"``."""
    value = rule.settings.get(key)
    if value is None:
        return None
    if type(value) is int and value >= 0:
        return value
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise _refuse(rule, key, 'is not a size such as `"200 MB"`')
    return int(match[1]) * _UNITS[match[2]]


def matches_name(name: str, patterns: tuple[str, ...] | None) -> bool:
    """Tell whether a normalised name fits one of the globs, which are normalised here."""
    return any(fnmatchcase(name, re.sub(r"[-_.]+", "-", pattern).lower()) for pattern in patterns or ())


def matches_text(text: str | None, patterns: tuple[str, ...]) -> bool:
    """Tell whether a text fits one of the globs as they are; no text fits none."""
    return text is not None and any(fnmatchcase(text, pattern) for pattern in patterns)


def _refuse(rule: Rule, key: str, wrong: str) -> InputError:
    return InputError(
        "bad-policy", f"`{key}` of the rule `{rule.name}` {wrong}", where=f"policy.{rule.name}.{key}"
    )
