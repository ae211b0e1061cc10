"""Two locks beside each other: what a new one has at another version, newly, or no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from envctl.frozen import dataclass
from envctl.lock.lock import Lock, own_text

if TYPE_CHECKING:  # plans name this module and need not pay for packaging's parsers
    from packaging.pylock import Package

    from envctl.lock.entries import Package as Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """One project that a new lock has at another version, or newly, or no more.

    ``before`` and ``after`` are versions, with the origin where it is not an index; several, joined by
    commas, where a lock has several. ``reason`` is for people and may be empty.
    """

    name: str
    before: str | None
    after: str | None
    reason: str = ""


def compare(old: Lock | None, new: Lock) -> tuple[LockChange, ...]:
    """Return the differences between two locks, sorted by name; versions and origins count."""
    before = {} if old is None else _describe(old)
    after = _describe(new)
    return tuple(
        LockChange(name=name, before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _describe(lock: Lock) -> Mapping[str, str]:
    found: dict[str, set[str]] = {}
    for package in lock.packages:
        found.setdefault(package.name, set()).add(_label(package))
    return {name: ", ".join(sorted(labels)) for name, labels in found.items()}


def _label(package: Package | Entry) -> str:
    """Write version and origin: ``3.10``, ``1.0 (../core, editable)``, ``2.1 (git+https://…@1a2b3c4d)``."""
    version = own_text(package, "version") if package.version is None else str(package.version)
    origin = ""
    if package.directory is not None:
        origin = package.directory.path + (", editable" if package.directory.editable else "")
    elif package.vcs is not None:
        origin = f"{package.vcs.type}+{package.vcs.url or package.vcs.path}@{package.vcs.commit_id[:12]}"
    elif package.archive is not None:
        origin = package.archive.url or package.archive.path or ""
    return " ".join(part for part in (version, f"({origin})" if origin else "") if part)
