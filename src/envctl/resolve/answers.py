"""What packaging says of markers on a target: it depends on nothing else, and so can be kept between runs."""

from __future__ import annotations

from collections.abc import Callable

from envctl.model.target import Target

#: Whether markers hold on a target, by ``extra;marker``; added to while the target is solved for.
Answers = dict[str, bool]

#: Gives what is known of a target already.
Recall = Callable[[Target], Answers]


def forget(target: Target) -> Answers:
    """Know nothing of a target."""
    del target
    return {}
