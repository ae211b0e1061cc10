"""Files of an environment that belong to no distribution: which go, which stay, and why."""

from __future__ import annotations

from collections.abc import Iterator

from envctl.model.change import Action, Change, Reason, ReasonKind, Side
from envctl.model.state import Drift, DriftKind, ForeignFile, State
from envctl.plan.address import format_file, parse_file
from envctl.plan.reasons import describe_drift


def decide_files(state: State, *, prune: str, python: str, minor_changed: bool) -> Iterator[Change]:
    """Decide about every file that nothing owns; data that is carried along is not a change.

    A file that runs when Python starts is not merely foreign, it is drift: it goes unless ``prune`` is
    ``never``. ``python`` is the full version to come.
    """
    hooks = {
        line.path: line
        for line in state.drift
        if parse_file(line.address) is not None and line.kind is not DriftKind.FOREIGN
    }
    foreign = {file.path: file for file in state.foreign}
    for path in sorted({*hooks, *foreign}):
        file = foreign.get(path)
        if minor_changed:
            reason = Reason(ReasonKind.PYTHON_CHANGED, f"nothing foreign is taken along to Python {python}")
            yield _line(path, file, Action.DELETE, reason)
        elif path in hooks:
            yield _decide_hook(path, file, hooks[path], prune)
        elif file is not None and not file.data:
            yield _decide_foreign(file, prune)


def _decide_hook(path: str, file: ForeignFile | None, hook: Drift, prune: str) -> Change:
    told = describe_drift((hook,))
    if prune == "never":
        return _line(path, file, Action.NO_OP, Reason(ReasonKind.DRIFT, f"{told}; kept, as prune is `never`"))
    return _line(path, file, Action.DELETE, Reason(ReasonKind.DRIFT, told))


def _decide_foreign(file: ForeignFile, prune: str) -> Change:
    if prune == "all":
        return _line(file.path, file, Action.DELETE, Reason(ReasonKind.FOREIGN, "no RECORD lists it"))
    kept = f"no RECORD lists it; kept, as prune is `{prune}`"
    return _line(file.path, file, Action.NO_OP, Reason(ReasonKind.FOREIGN, kept))


def _line(path: str, file: ForeignFile | None, action: Action, reason: Reason) -> Change:
    side = Side(size=None if file is None else file.size)
    return Change(
        address=format_file(path),
        action=action,
        before=side,
        after=None if action is Action.DELETE else side,
        reasons=(reason,),
    )
