"""Two locks beside each other: what a new one has at another version, newly, or no more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """One project that a new lock has at another version, or newly, or no more."""

    name: str
    before: str | None
    after: str | None
    reason: str = ""
