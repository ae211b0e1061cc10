"""The order in which people read a plan; values and JSON are sorted by address."""

from __future__ import annotations

from collections.abc import Iterable

from envctl.model.change import Action, Change, ReasonKind
from envctl.plan.address import ENVIRONMENT, PYTHON

_FRAME = (ENVIRONMENT, PYTHON)
_ACTIONS = (Action.DELETE, Action.UPDATE, Action.REPLACE, Action.CREATE, Action.NO_OP)


def order_for_display(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Sort for reading: what mends drift, the environment and its Python, then by action and address.

    Deletions come first among the actions, as the line that is most expensive to overlook. What is
    right, or kept, comes last whatever it is about.
    """
    return tuple(sorted(changes, key=_rank))


def _rank(change: Change) -> tuple[int, int, str]:
    if change.action is Action.NO_OP:
        part = 3
    elif any(reason.kind is ReasonKind.DRIFT for reason in change.reasons):
        part = 0
    elif change.address in _FRAME:
        part = 1
    else:
        part = 2
    # `environment` sorts before `python` by name; among the rest the action counts.
    action = 0 if part == 1 else _ACTIONS.index(change.action)
    return part, action, change.address
