"""Whose locked versions are let go of: those that are named, and those that groups brought in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envctl.errors import CheckError, UsageError, raise_together
from envctl.lock.follow import follow
from envctl.lock.freshness import preferences
from envctl.manifest.manifest import Asked, Manifest
from envctl.manifest.near import suggest
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.locks import LoadedLock


def find_released(
    lock: LoadedLock, manifest: Manifest, *, names: frozenset[str], groups: Iterable[str]
) -> frozenset[str]:
    """Return the projects whose locked versions may move; there are none without a lock.

    Of a group that is all that the old lock reaches from its requirements (includes followed), those
    themselves included, and also what other lists need too: a version is one for all lists.

    Raises:
        CheckError: `not-locked` for names that neither the lock holds nor a list asks for.
        UsageError: `unknown-group` for groups that the manifest does not have.
    """
    asked = _asked_by(manifest.groups, groups)
    if lock.lock is None:
        return frozenset()
    locked = preferences(lock.lock).keys()
    unknown = names - locked - asked_by_anyone(manifest).keys()
    if unknown:
        raise CheckError(
            "not-locked",
            f"the lock holds no {', '.join(f'`{name}`' for name in sorted(unknown))}",
            where=lock.path,
        )
    return (names & locked) | follow(lock.lock, asked)


def _asked_by(known: Mapping[str, Iterable[Asked]], groups: Iterable[str]) -> set[str]:
    raise_together(
        [
            UsageError(
                "unknown-group",
                f"`{group}` is no dependency group of the manifest",
                hints=suggest(group, known),
            )
            for group in groups
            if group not in known
        ]
    )
    return {asked.requirement.name for group in groups for asked in known[group]}
