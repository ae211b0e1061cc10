"""``envctl status``: whether the lock fits the manifest and the environment the lock; offline, unresolved."""

from __future__ import annotations

from envctl.environment.scan import scan
from envctl.errors import EnvctlError
from envctl.lock.freshness import covers
from envctl.model.change import Action
from envctl.model.state import Owner, State
from envctl.plan.decide import decide
from envctl.receipt import ABSENT
from envctl.transaction.recover import pending
from envctl.transaction.site import locate
from envctl.workflow.context import Context
from envctl.workflow.inputs import declared
from envctl.workflow.prepare import Situation, choose_for, survey
from envctl.workflow.remarks import tell_active, tell_times
from envctl.workflow.results import Status
from envctl.workflow.staleness import is_up_to_date
from envctl.workflow.steady import is_as_read, look_steadily, say_once


def status(context: Context, *, verify: str = "stat") -> Status:
    """Compare manifest, lock and environment.

    Raises:
        InputError: anything wrong with the files; MachineError: `no-python`.
    """
    context = say_once(context)
    situation, state = look_steadily(lambda: _look(context, verify), _is_steady)
    declaration = situation.declaration
    tell_times(context, state)
    lock = judge_lock(situation)
    changes = _count_changes(situation, state)
    return Status(
        name=declaration.name,
        path=declaration.path,
        python=state.python,
        generation=state.generation,
        lock=lock,
        environment=_judge_environment(state, changes),
        changes=changes or 0,
        drift=state.drift,
        pending=pending(locate(declaration.path)),
    )


def _look(context: Context, verify: str) -> tuple[Situation, State]:
    loaded, declaration = declared(context)
    tell_active(context, declaration.path)
    state = scan(declaration.path, verify=verify)
    return survey(context, loaded, declaration, present=state.executable), state


def _is_steady(seen: tuple[Situation, State]) -> bool:
    situation, state = seen
    lock = situation.lock
    files = {path: f"sha256:{digest}" for path, digest in situation.loaded.digests.items()}
    files[lock.path] = f"sha256:{lock.digest}" if lock.digest is not None else ABSENT
    return is_as_read(state.path, state.generation, files)


def judge_lock(situation: Situation) -> str:
    """Say how the lock stands to the manifest: ``fits``, ``missing``, ``stale`` or ``not-locked-for``."""
    lock = situation.lock.lock
    if lock is None:
        return "missing"
    if not is_up_to_date(situation.manifest, lock, situation.direct):
        return "stale"
    return "fits" if covers(lock, situation.target) else "not-locked-for"


def _count_changes(situation: Situation, state: State) -> int | None:
    """Count what the lock as it is would change; None when it cannot tell, or nothing may be touched."""
    lock = situation.lock.lock
    if lock is None or state.owner is Owner.UNKNOWN:
        return None
    try:
        selection = choose_for(situation, lock)
    except EnvctlError:
        return None  # it is not for this machine, or of other groups; the next plan makes it anew
    changes = decide(
        selection,
        state,
        interpreter=situation.interpreter,
        prune=situation.manifest.install.prune,
        locked=frozenset(str(package.name) for package in lock.packages),
    )
    return sum(change.action is not Action.NO_OP for change in changes)


def _judge_environment(state: State, changes: int | None) -> str:
    if state.owner is Owner.NOBODY:
        return "missing"
    if state.owner is not Owner.ENVCTL:
        return "not-ours"
    if changes is None:
        return "unknown"
    return "differs" if changes else "fits"
