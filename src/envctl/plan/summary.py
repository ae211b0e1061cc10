"""How much a plan does: counts for the last line of its text and for its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envctl.frozen import dataclass
from envctl.model.change import Action, Change
from envctl.plan.address import parse_package
from envctl.plan.change import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Lines by action, drifted paths, changes of the lock, and bytes to fetch."""

    create: int
    update: int
    replace: int
    delete: int
    no_op: int
    drift: int
    lock_changes: int
    download_bytes: int
    has_changes: bool


def summarise(plan: Plan) -> Summary:
    """Count the lines of a plan; ``environment`` and ``python`` are lines like any other."""
    counts = dict.fromkeys(Action, 0)
    for change in plan.changes:
        counts[change.action] += 1
    return Summary(
        create=counts[Action.CREATE],
        update=counts[Action.UPDATE],
        replace=counts[Action.REPLACE],
        delete=counts[Action.DELETE],
        no_op=counts[Action.NO_OP],
        drift=len(plan.drift),
        lock_changes=len(plan.lock_changes),
        download_bytes=plan.download_bytes,
        has_changes=not plan.is_empty,
    )


def add_downloads(changes: Iterable[Change], absent: Mapping[str, int | None]) -> int:
    """Add up what has to be fetched, in bytes.

    ``absent`` maps the projects whose artifact the store lacks to its size, None where nobody knows it.
    A generation is laid whole: with one change to make, a project that is right has to be in the store
    as well; without any, nothing is fetched.
    """
    changes = tuple(changes)
    if all(change.action is Action.NO_OP for change in changes):
        return 0
    names = {parse_package(change.address) for change in changes if change.after is not None}
    return sum(size or 0 for name, size in absent.items() if name in names)
