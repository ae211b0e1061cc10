"""``envctl destroy``: the environment and its generations deleted, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable

from envctl.environment.scan import scan
from envctl.errors import CancelledError
from envctl.model.state import Owner
from envctl.transaction.site import Site
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.list import no_environment
from envctl.workflow.look import refuse_others
from envctl.workflow.results import PlanOptions


def destroy(context: Context, *, confirm: Callable[[str], bool], lock_timeout: float) -> str:
    """Delete the environment and its ``.envctl`` folder; returns the environment's path.

    ``confirm`` is asked with that path.

    Raises:
        MachineError: `no-environment`; `not-ours` for one that envctl did not make; CancelledError.
    """
    place = find_place(context)
    path = place.environment
    state = scan(path)
    if state.owner is Owner.NOBODY and not os.path.isdir(Site(path).folder):
        raise no_environment(path)
    refuse_others(state, adopt=PlanOptions().adopt)
    if not confirm(path):
        raise CancelledError("cancelled", "nothing was deleted")
    with hold_site(context, place, lock_timeout=lock_timeout) as held:
        held.destroy()
    return path
