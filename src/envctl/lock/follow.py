"""`follow`: what a lock holds because of some of its projects."""

from __future__ import annotations

from collections.abc import Iterable

from envctl.lock.lock import Lock, required_names


def follow(lock: Lock, names: Iterable[str]) -> frozenset[str]:
    """Return those of ``names`` that the lock holds, and all that they require, on whatever target.

    A lock of another tool may not say what its packages require; then nothing is followed.
    """
    required: dict[str, frozenset[str]] = {}
    for package in lock.packages:
        required[package.name] = required.get(package.name, frozenset()) | required_names(package)
    found: set[str] = set()
    waiting = [name for name in names if name in required]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for each in required[name] if each in required]
    return frozenset(found)
