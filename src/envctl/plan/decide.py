"""`plan`: a selection and a state to the changes that lead from one to the other. Pure.

Laws, kept by property tests: replaying the changes on the state satisfies the selection; deciding
again gives nothing to do; the order of inputs does not matter; every change carries a reason; and
while Python's minor version stays, nothing foreign is deleted unless ``prune`` is ``all``.
"""

from __future__ import annotations

from envctl.errors import MachineError
from envctl.model.change import Action, Change, Reason, ReasonKind, Side
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Selection
from envctl.model.state import Drift, DriftKind, Owner, State
from envctl.plan.address import ENVIRONMENT, PYTHON, parse_package
from envctl.plan.files import decide_files
from envctl.plan.packages import Setting, decide_package
from envctl.plan.reasons import describe_drift
from envctl.plan.versions import choose_flags


def decide(
    selection: Selection,
    state: State,
    *,
    interpreter: Interpreter,
    prune: str,
    reinstall: frozenset[str] = frozenset(),
    locked: frozenset[str] = frozenset(),
) -> tuple[Change, ...]:
    """Decide what to change so that the environment in ``state`` holds exactly ``selection``.

    Sorted by address, one change an address; what is right is there as a no-op. ``locked`` holds the
    names of all projects of the lock: what is not wanted here but locked is ``deselected``, else
    ``no-longer-required``. ``reinstall`` holds names to lay down anew; one that is not wanted counts for
    nothing, and whoever reads the command line refuses it.

    An environment of others is decided about as one to be taken over: ``environment`` is replaced.

    Raises:
        MachineError: `not-ours` for a folder that envctl never touches.
    """
    if state.owner is Owner.UNKNOWN:
        raise MachineError("not-ours", state.reason or "this folder is not an environment", where=state.path)
    drift = _sort_drift(state.drift)
    setting = Setting(
        prune=prune,
        python=interpreter.version,
        minor_changed=has_other_minor(state, interpreter),
        exists=state.owner is not Owner.NOBODY,
        reinstall=reinstall,
        locked=locked,
    )
    names = {*selection.pins, *state.distributions}
    names.update(filter(None, map(parse_package, drift)))
    changes = [
        _decide_environment(state, drift.get(ENVIRONMENT, ())),
        _decide_python(state, drift.get(PYTHON, ()), interpreter),
        *(
            change
            for name in names
            if (
                change := decide_package(
                    name,
                    selection.pins.get(name),
                    state.distributions.get(name),
                    drift=drift.get(f"package.{name}", ()),
                    setting=setting,
                )
            )
        ),
        *decide_files(state, prune=prune, python=interpreter.version, minor_changed=setting.minor_changed),
    ]
    return tuple(sorted(changes, key=lambda change: change.address))


def has_other_minor(state: State, interpreter: Interpreter) -> bool:
    """Tell whether ``state`` is known to run another minor version of Python than ``interpreter`` is."""
    return state.python is not None and _minor(state.python) != interpreter.minor


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _sort_drift(drift: tuple[Drift, ...]) -> dict[str, tuple[Drift, ...]]:
    """Group by address what is to be mended, in the order of paths.

    Lines of the kind `foreign` only announce what ``state`` has among its distributions and files.
    """
    found: dict[str, list[Drift]] = {}
    for line in sorted(drift, key=lambda line: (line.path, line.kind, line.detail)):
        if line.kind is not DriftKind.FOREIGN:
            found.setdefault(line.address, []).append(line)
    return {address: tuple(lines) for address, lines in found.items()}


def _decide_environment(state: State, drift: tuple[Drift, ...]) -> Change:
    after = Side(source="envctl")
    match state.owner:
        case Owner.NOBODY:
            action, before = Action.CREATE, None
            reason = Reason(ReasonKind.MISSING, "there is no environment yet")
        case Owner.OTHERS:
            action, before = Action.REPLACE, Side(source="others")
            reason = Reason(ReasonKind.FOREIGN, "made by others, and taken over")
        case _ if drift:
            action, before = Action.REPLACE, after
            reason = Reason(ReasonKind.DRIFT, describe_drift(drift))
        case _:
            action, before = Action.NO_OP, after
            reason = Reason(ReasonKind.MANIFEST, "declared by the manifest")
    return Change(address=ENVIRONMENT, action=action, before=before, after=after, reasons=(reason,))


def _decide_python(state: State, drift: tuple[Drift, ...], interpreter: Interpreter) -> Change:
    """Pin the interpreter: its full version and its executable, so that no patch moves unseen."""
    fits = Reason(ReasonKind.MANIFEST, "fits what the manifest asks for")
    after = Side(version=interpreter.version, source=interpreter.executable)
    if state.owner is Owner.NOBODY:
        return Change(
            address=PYTHON,
            action=Action.CREATE,
            before=None,
            after=after,
            reasons=(fits,),
            flags=choose_flags(None, interpreter.version),
        )
    action, reasons = _compare_python(state, drift, interpreter)
    return Change(
        address=PYTHON,
        action=action,
        before=Side(version=state.python, source=state.executable or ""),
        after=after,
        reasons=reasons or (fits,),
        flags=_python_flags(state.python, interpreter),
    )


def _compare_python(
    state: State, drift: tuple[Drift, ...], interpreter: Interpreter
) -> tuple[Action, tuple[Reason, ...]]:
    drifted = (Reason(ReasonKind.DRIFT, describe_drift(drift)),) if drift else ()
    if state.python is None or state.executable is None:
        return Action.REPLACE, drifted or (Reason(ReasonKind.DRIFT, "what it is cannot be told"),)
    if state.python != interpreter.version:
        text = f"from {state.python} to {interpreter.version}"
        return Action.UPDATE, (Reason(ReasonKind.PYTHON_CHANGED, text), *drifted)
    if state.executable != interpreter.executable:
        moved = Reason(ReasonKind.PYTHON_CHANGED, f"now {interpreter.executable}")
        return Action.REPLACE, (moved, *drifted)
    return (Action.REPLACE if drifted else Action.NO_OP), drifted


def _python_flags(before: str | None, interpreter: Interpreter) -> tuple[str, ...]:
    """Flag a step of Python, where a new minor version is a major step: all is laid anew."""
    flags = [flag for flag in choose_flags(before, interpreter.version) if flag != "major"]
    if before is not None and _minor(before) != interpreter.minor:
        flags.append("major")
    return tuple(sorted(flags))
