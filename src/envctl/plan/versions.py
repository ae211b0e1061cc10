"""Versions beside each other (PEP 440): whether they are one, and how risky the step between them is."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from envctl.model.step import leading


def is_same_version(before: str, after: str) -> bool:
    """Tell whether two texts mean one version; those that are no versions are compared as text."""
    if before == after:
        return True
    old, new = _read(before), _read(after)
    return old is not None and old == new


def choose_flags(before: str | None, after: str | None) -> tuple[str, ...]:
    """Choose the flags of a step from one version to another: ``major``, ``downgrade``, ``prerelease``.

    ``major`` is as `leading` has it. What is no version has no flags.
    """
    new = None if after is None else _read(after)
    if new is None:
        return ()
    old = None if before is None else _read(before)
    flags = []
    if old is not None and leading(old) != leading(new):
        flags.append("major")
    if old is not None and new < old:
        flags.append("downgrade")
    if new.is_prerelease:
        flags.append("prerelease")
    return tuple(flags)


def _read(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
