"""What a state becomes when a plan is carried out: the plan's promise, as a pure function.

The laws of `decide` are stated with it, and a stage can be checked against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from envctl.model.change import Action, Change
from envctl.model.state import Distribution, Drift, DriftKind, Owner, State
from envctl.plan.address import PYTHON, format_file, parse_file, parse_package
from envctl.plan.kept import is_kept


def replay(changes: Iterable[Change], state: State) -> State:
    """Return ``state`` after ``changes``, which were decided for it.

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
            name: _lay(name, change, state.distributions.get(name))
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


def _lay(name: str, change: Change, before: Distribution | None) -> Distribution:
    if before is not None and is_kept(change):
        return before
    after = change.after
    version = None if after is None else after.version
    return Distribution(
        name=name,
        # A directory's version is its backend's to say.
        version=version or (before.version if before is not None else "0"),
        info=f"{name}.dist-info",
        installer="envctl",
        origin=None if after is None else after.origin,
        requested=change.direct,
        managed=True,
    )
