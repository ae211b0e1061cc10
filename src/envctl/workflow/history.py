"""``envctl history``: what became live when."""

from __future__ import annotations

from envctl.transaction.generations import history as read_history
from envctl.transaction.generations import kept_numbers, live_number, measure
from envctl.transaction.site import locate
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.inputs import declared
from envctl.workflow.results import Generation


def history(context: Context) -> tuple[Generation, ...]:
    """Tell the generations of the environment, newest first.

    Raises:
        InputError: anything wrong with the manifest.
    """
    _, declaration = declared(context)
    site = locate(declaration.path)
    sizes = {number: measure(site.generation(number)) for number in kept_numbers(site)}
    live = live_number(site)
    if live is not None:
        sizes[live] = measure(site.path)
    return tuple(
        Generation(
            number=line.number,
            time=line.time,
            command=line.command,
            python=line.python,
            packages=line.packages,
            live=line.live,
            kept=line.kept,
            changes=line.changes,
            size_bytes=sizes.get(line.number, (None, None))[0],
            own_bytes=sizes.get(line.number, (None, None))[1],
        )
        for line in read_history(site)
    )


def numbers(context: Context) -> tuple[int, ...]:
    """Tell which generations one can roll back to, ascending.

    Raises:
        InputError: anything wrong with the manifest.
    """
    return kept_numbers(locate(find_place(context).environment))
