"""`plan`: a selection and a state to the changes that lead from one to the other. Pure.

Laws, kept by property tests: replaying the changes on the state satisfies the selection; deciding
again gives nothing to do; the order of inputs does not matter; every change carries a reason.
"""

from __future__ import annotations

from envctl.model.interpreter import Interpreter
from envctl.model.selection import Selection
from envctl.model.state import State
from envctl.plan.change import Change


def decide(
    selection: Selection,
    state: State,
    *,
    interpreter: Interpreter,
    prune: str,
    reinstall: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """Decide what to change so that the environment in ``state`` holds exactly ``selection``."""
    raise NotImplementedError
