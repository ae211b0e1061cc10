"""Which lines of a plan keep something that nobody asked for."""

from __future__ import annotations

from envctl.model.change import Action, Change, ReasonKind

_UNASKED = {
    ReasonKind.FOREIGN,
    ReasonKind.NO_LONGER_REQUIRED,
    ReasonKind.DESELECTED,
    ReasonKind.DRIFT,
}


def is_kept(change: Change) -> bool:
    """Tell whether a line leaves what is foreign, or no longer wanted, in its place.

    A wanted project that is right is a no-op too, but for the reasons that it is wanted.
    """
    return change.action is Action.NO_OP and any(reason.kind in _UNASKED for reason in change.reasons)
