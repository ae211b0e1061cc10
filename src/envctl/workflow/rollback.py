"""``envctl rollback``: an earlier generation swapped in as it was, offline; the lock stays."""

from __future__ import annotations

from envctl.transaction.generations import compare_packages, live_number, read_distributions, read_python
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.remarks import tell_running
from envctl.workflow.results import RolledBack


def rollback(context: Context, number: int | None, *, lock_timeout: float) -> RolledBack:
    """Swap generation ``number`` in, or the one that was live before.

    Raises:
        MachineError: `no-such-generation`, `generation-damaged`; BusyError: `locked`.
        SwitchError, BrokenError: as the transaction does.
    """
    place = find_place(context)
    path = place.environment
    with hold_site(context, place, lock_timeout=lock_timeout) as held:
        before, was, python = live_number(held.site), read_distributions(path), read_python(path)
        after = held.rollback(number, switch=place.switch)
    # Off the disk, not from the records: what others installed goes and comes back too.
    packages = compare_packages(was, read_distributions(path))
    return RolledBack(
        path=path,
        before=before,
        after=after,
        packages=packages,
        python=(python or None, read_python(path)),
        running=tell_running(path, context.emit),
    )
