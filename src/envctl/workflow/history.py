"""``envctl history``: what became live when."""

from __future__ import annotations

from envctl.transaction.generations import history as read_history
from envctl.transaction.site import Site
from envctl.workflow.context import Context
from envctl.workflow.inputs import declared
from envctl.workflow.results import Generation


def history(context: Context) -> tuple[Generation, ...]:
    """Tell the generations of the environment, newest first.

    Raises:
        InputError: anything wrong with the manifest.
    """
    _, declaration = declared(context)
    return tuple(
        Generation(
            number=line.number,
            time=line.time,
            command=line.command,
            python=line.python,
            packages=line.packages,
            live=line.live,
            kept=line.kept,
        )
        for line in read_history(Site(declaration.path))
    )
