"""What packaging answered about a target: it depends on nothing else, so that it can be kept between runs."""

from __future__ import annotations

from collections.abc import Callable

from envctl.frozen import dataclass, field
from envctl.model.target import Target


@dataclass(frozen=True, slots=True)
class Answers:
    """Which markers hold on a target (by ``extra;marker``), and which texts of Requires-Python admit it.

    Both are added to while a target is solved for.
    """

    markers: dict[str, bool] = field(default_factory=dict)
    pythons: dict[str, bool] = field(default_factory=dict)


#: Gives what is known of a target already.
Recall = Callable[[Target], Answers]


def forget(target: Target) -> Answers:
    """Know nothing of a target."""
    del target
    return Answers()
