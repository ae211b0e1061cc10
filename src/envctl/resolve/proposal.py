"""A change of the manifest that may end a conflict, yet to be tried."""

from __future__ import annotations

from envctl.frozen import dataclass
from envctl.model.target import Target
from envctl.resolve.facts import Remedy
from envctl.resolve.port import Project
from envctl.resolve.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A remedy with what to try it with: ``request``, perhaps for ``targets`` instead of those that failed.

    ``project`` is one that another index has, to be taken instead. ``about`` are the projects whose versions
    are worth telling. ``is_likely`` says that it is worth telling although it cannot be tried,
    ``is_last_resort`` that it is not where anything else helps.
    """

    remedy: Remedy
    request: Request
    about: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    project: Project | None = None
    is_likely: bool = False
    is_last_resort: bool = False
