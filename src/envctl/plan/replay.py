"""What a state becomes when a plan is carried out: the plan's promise, as a pure function.

The laws of `decide` are stated with it, and a stage can be checked against it.
"""

from __future__ import annotations

from collections.abc import Iterable

from envctl.frozen import replace
from envctl.model.artifact import identify
from envctl.model.change import Action, Change
from envctl.model.selection import Pin, Selection
from envctl.model.state import Distribution, Drift, DriftKind, Owner, State
from envctl.plan.address import PYTHON, format_file, parse_file, parse_package
from envctl.plan.kept import is_kept
from envctl.plan.packages import describe_pin


def replay(changes: Iterable[Change], state: State, selection: Selection) -> State:
    """Return ``state`` after ``changes``, which were decided for it and for ``selection``.

    Without a change it is the same. Else a whole generation is laid: every distribution that is wanted
    then is envctl's own and as recorded, and only what is kept still drifts. ``digest`` is empty, as only
    a scan can tell it.
    """
    changes = tuple(changes)
    if all(change.action is Action.NO_OP for change in changes):
        return state
    kept = {change.address for change in changes if is_kept(change)}
    deleted = {change.address for change in changes if change.action is Action.DELETE}
    python = next(change for change in changes if change.address == PYTHON).after
    return replace(
        state,
        owner=Owner.ENVCTL,
        python=None if python is None else python.version,
        executable=None if python is None else python.source,
        generation=(state.generation or 0) + 1,
        distributions={
            name: _lay(change, state.distributions.get(name), selection.pins.get(name))
            for change in changes
            if (name := parse_package(change.address)) is not None and change.after is not None
        },
        drift=tuple(line for line in state.drift if _stays(line, state, kept, deleted)),
        foreign=tuple(file for file in state.foreign if format_file(file.path) not in deleted),
        digest="",
        reason="",
    )


def _stays(line: Drift, state: State, kept: set[str], deleted: set[str]) -> bool:
    """Tell whether a line of drift is there afterwards: what is kept, and foreign data, is as it was.

    But a new generation no longer knows what envctl had in the place of what others installed.
    """
    address = line.address if parse_file(line.address) is None else format_file(line.path)
    if line.kind is DriftKind.FOREIGN:
        return address not in deleted
    name = parse_package(address)
    found = None if name is None else state.distributions.get(name)
    is_replaced = line.kind is DriftKind.VERSION and found is not None and not found.managed
    return address in kept and not is_replaced


def _lay(change: Change, before: Distribution | None, pin: Pin | None) -> Distribution:
    """Make the distribution that a line promises. The pin only adds what no line holds: a folder's path.

    Raises ValueError when line and pin are of two plans.
    """
    if before is not None and is_kept(change):
        return before
    if pin is None or change.after != describe_pin(pin):
        raise ValueError(f"{change.address} is not what the selection holds")
    return Distribution(
        name=pin.name,
        # A directory's version is its backend's to say.
        version=change.after.version or (before.version if before is not None else "0"),
        info=f"{pin.name}.dist-info",
        installer="envctl",
        origin=identify(pin.artifact),
        requested=change.direct,
        managed=True,
    )
