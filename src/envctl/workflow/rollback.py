"""``envctl rollback``: an earlier generation swapped in as it was, offline; the lock stays."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.transaction.generations import live_number, read_distributions
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.results import RolledBack


def rollback(context: Context, number: int | None, *, lock_timeout: float) -> RolledBack:
    """Swap generation ``number`` in, or the one that was live before.

    Raises:
        MachineError: `no-such-generation`; BusyError: `locked`; SwitchError, BrokenError.
    """
    place = find_place(context)
    path = place.environment
    with hold_site(context, place, lock_timeout=lock_timeout) as held:
        before, was = live_number(held.site), read_distributions(path)
        after = held.rollback(number)
    # Off the disk, not from the records: what others installed goes and comes back too.
    return RolledBack(path=path, before=before, after=after, packages=_compare(was, read_distributions(path)))


def _compare(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Mapping[str, tuple[str | None, str | None]]:
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }
