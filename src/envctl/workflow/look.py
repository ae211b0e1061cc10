"""A look at the environment before anything is planned, and the refusal of one that is not ours to touch."""

from __future__ import annotations

import os

from envctl.environment.scan import scan
from envctl.errors import MachineError
from envctl.model.state import Owner, State
from envctl.transaction.site import refuse_user
from envctl.workflow.results import PlanOptions


def look(path: str, options: PlanOptions) -> State:
    """Look at the environment at ``path``, and refuse one that must not be touched.

    Raises:
        MachineError: `not-an-environment`; `not-ours` for one of another user, and for one that others
            made unless the options adopt it.
    """
    state = scan(path, verify=options.verify)
    refuse_others(state, adopt=options.adopt)
    return state


def refuse_others(state: State, *, adopt: bool) -> None:
    """Refuse an environment that envctl must not touch.

    Raises:
        MachineError: `not-an-environment`; `not-ours` for one of another user, and for one that others
            made without ``adopt``.
    """
    if state.owner is Owner.UNKNOWN:
        raise MachineError(
            "not-an-environment",
            f"`{state.path}` is left alone: {state.reason}",
            where=state.path,
            hints=["move it away, or give the environment another `path` in the manifest"],
        )
    refuse_user(state.path)
    if state.owner is Owner.OTHERS and not adopt:
        raise MachineError(
            "not-ours",
            f"`{state.path}` is an environment that envctl did not make",
            where=state.path,
            hints=[
                "`--adopt` takes it over and keeps it as generation 0; `envctl plan --adopt` shows how",
                f"`envctl import {os.path.basename(state.path)}` writes into the manifest what it holds",
                "or move it away",
            ],
        )
