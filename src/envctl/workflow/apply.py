"""``envctl apply``: plan, and do exactly that, as one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from envctl.environment.processes import Process
from envctl.errors import CancelledError, SwitchError
from envctl.model.change import Action, ReasonKind
from envctl.model.events import Emit, Notice
from envctl.plan.address import ENVIRONMENT, parse_package
from envctl.plan.carry import carried, list_known, pruned
from envctl.plan.change import Plan
from envctl.plan.goal import Goal, GoalLock
from envctl.store.entry import Entry
from envctl.transaction.blueprint import Blueprint, Placed, Replacement
from envctl.transaction.held import Held
from envctl.workflow.context import Context, Run
from envctl.workflow.edits import FileEdit, laid_out, refuse_moved
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.keys import as_wheel
from envctl.workflow.later import compile_later
from envctl.workflow.obtain import obtain
from envctl.workflow.plan import Prepared, open_run, prepare
from envctl.workflow.receipts import make_receipt, read_built, renew_receipt
from envctl.workflow.remarks import tell_running
from envctl.workflow.results import PlanOptions, Report
from envctl.workflow.verdicts import pronounce_again, refuse_policy

#: How often a generation is begun anew because the cache was emptied under it.
_ATTEMPTS = 3

#: What a manifest says of a matter that it leaves to the machine.
AUTO = "auto"

Confirm = Callable[[Plan], bool]


def apply(context: Context, options: PlanOptions, *, confirm: Confirm, lock_timeout: float) -> Report:
    """Plan under the environment's lock, have the plan confirmed, and carry it out.

    ``confirm`` is called with a plan that has changes, before anything is done; it may show it.

    Raises:
        CancelledError: `cancelled`; CheckError: `policy-denied`; BusyError: `locked`.
        SwitchError, BrokenError: as the transaction does; and whatever planning and obtaining raise.
    """
    run = open_run(context)
    try:
        place = find_place(context)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            if options.bundle is not None:
                # Few applies are from one.
                from envctl.workflow.unbundling import take_bundle  # noqa: PLC0415 - the reason is above

                take_bundle(run, options.bundle)
            # `prepare` looks at the manifest again: who held the lock before may have written it.
            return carry_out(run, held, prepare(run, options), confirm=confirm)
    finally:
        run.close()


def carry_out(run: Run, held: Held, prepared: Prepared, *, confirm: Confirm) -> Report:
    """Do what a plan says, and nothing else. The environment is held."""
    goal, plan = prepared.goal, prepared.plan
    if not plan.applyable:
        confirm(plan)  # it is shown; whatever the answer, it is not carried out
        raise refuse_policy(plan)
    if plan.is_empty and not prepared.edits:
        held.trim(goal.install.keep_generations)
        _renew(prepared)
        return Report(plan=plan, outcome="nothing-to-do", generation=plan.observed.generation)
    if not confirm(plan):
        raise CancelledError("cancelled", "nothing was changed")
    replacements = list_replacements(prepared.edits, goal.lock)
    if all(change.action is Action.NO_OP for change in plan.changes):
        if prepared.edits:
            refuse_moved(replacements)
        held.replace_files(replacements)
        held.trim(goal.install.keep_generations)
        _renew(prepared)
        generation = plan.observed.generation
        running: tuple[Process, ...] = ()
    else:
        generation = _switch(run, held, prepared, replacements)
        running = tell_running(goal.path, run.context.emit) if _has_replaced(plan) else ()
    return Report(
        plan=plan,
        outcome="applied",
        generation=generation,
        lock_written=goal.lock.text is not None,
        manifest_changes=prepared.manifest_changes,
        running=running,
    )


def _has_replaced(plan: Plan) -> bool:
    """Whether something is gone, or another one, that a process may have loaded."""
    kept = {Action.NO_OP, Action.CREATE}
    return any(change.action not in kept for change in plan.changes if change.address != ENVIRONMENT)


def list_replacements(edits: Sequence[FileEdit], lock: GoalLock) -> list[Replacement]:
    """List the files that a run replaces: those that it edits, and the lock where it has a new text."""
    replacements = [edit.replacement for edit in edits]
    if lock.text is not None:
        replacements.append(Replacement(path=lock.path, before=lock.digest, after=lock.text.encode()))
    return replacements


def _lock_digest_after(goal: Goal) -> str | None:
    text = goal.lock.text
    return goal.lock.digest if text is None else hashlib.sha256(text.encode()).hexdigest()


def _switch(run: Run, held: Held, prepared: Prepared, replacements: Sequence[Replacement]) -> int:
    for _ in range(_ATTEMPTS):
        placed: list[Placed] = []
        try:
            return _obtain_and_switch(run, held, prepared, replacements, placed)
        except SwitchError:
            if not _was_emptied(run, placed):
                raise
            message = "files in the cache were deleted or changed by others; what was lost is fetched again"
            run.context.emit(Notice("info", "cache-emptied", message))
    return _obtain_and_switch(run, held, prepared, replacements, [])


def _was_emptied(run: Run, placed: Sequence[Placed]) -> bool:
    """Whether entries that were to be laid are not what was found any more."""
    return not run.store.are_as_found([entry for each in placed for entry in each.entries])


def _obtain_and_switch(
    run: Run, held: Held, prepared: Prepared, replacements: Sequence[Replacement], laid: list[Placed]
) -> int:
    """Obtain and switch; ``laid`` is filled with what is about to be laid."""
    goal, settings = prepared.goal, run.context.settings
    compiling = choose_setting(settings.compile, goal.install.compile, settings.fallback_compile)
    with laid_out(prepared.edits, held.site):
        # What is compiled is read before it is laid.
        doubted = goal.selection.pins.keys() if compiling == "true" else _list_drifted(prepared.plan)
        placed = obtain(run, goal, compiled=compiling != "false", anew=prepared.anew, doubted=doubted)
    judged = pronounce_again(goal, prepared.plan, placed, run.context.emit)
    if compiling == "true":
        placed = _compile_now(run, goal, placed)
    laid += placed
    blueprint = Blueprint(
        interpreter=goal.interpreter,
        prompt=goal.prompt,
        placed=placed,
        carry=carried(prepared.state, prepared.plan.changes),
        known=list_known(prepared.state, goal.interpreter),
        pruned=pruned(prepared.state, prepared.plan.changes),
        replacements=tuple(replacements),
        receipt=make_receipt(goal, judged, lock_digest=_lock_digest_after(goal), built=_name_built(placed)),
        link=choose_setting(settings.link, goal.install.link, settings.fallback_link),
        switch=goal.install.switch,
        allow_overwrite=goal.install.allow_overwrite,
    )
    applied = held.apply(
        blueprint,
        store=run.store,
        environ=settings.environ,
        keep=goal.install.keep_generations,
        # What was edited from must still be there; a lock alone that somebody wrote is left, and told.
        guard=(lambda: refuse_moved(replacements)) if prepared.edits else None,
    )
    if not settings.no_cache:  # else there is nothing left to fill
        wrong = compile_later(
            run.store,
            _uncompiled(placed) if compiling == AUTO else (),
            goal.interpreter,
            settings.environ,
            unsettled=applied.unsettled,
        )
        _tell_damage(placed, wrong, run.context.emit)
    return applied.number


def _list_drifted(plan: Plan) -> frozenset[str]:
    """Name the projects of which something was edited: through a link, what is in the store was, too."""
    return frozenset(
        name
        for change in plan.changes
        if any(reason.kind is ReasonKind.DRIFT for reason in change.reasons)
        and (name := parse_package(change.address)) is not None
    )


def _name_built(placed: Sequence[Placed]) -> Mapping[str, str]:
    """Give the keys of what was built, by project name."""
    return {each.pin.name: each.wheel.key for each in placed if as_wheel(each.pin.artifact) is None}


def _tell_damage(placed: Sequence[Placed], wrong: Sequence[Entry], emit: Emit) -> None:
    """Say of what was laid that it had been edited in the cache, which was found only after the switch."""
    names = sorted({each.pin.name for each in placed if each.wheel in wrong or each.bytecode in wrong})
    if names:
        message = f"files of {', '.join(names)} in the cache were edited through a link; laid as they are"
        hints = ("`envctl plan` shows them as drift, and `envctl apply` lays them anew",)
        emit(Notice("warning", "cache-edited", message, hints))


def choose_setting(given: str | None, declared: str, own: str | None) -> str:
    """Choose between what the command or a variable says, the manifest, and the user's own settings.

    A manifest that says ``auto`` leaves it to the user.
    """
    if given is not None:
        return given
    return declared if declared != AUTO else own or AUTO


def _uncompiled(placed: Sequence[Placed]) -> list[Entry]:
    return [each.wheel for each in placed if each.bytecode is None]


def _compile_now(run: Run, goal: Goal, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Wait for bytecode that the store does not have yet."""
    missing = _uncompiled(placed)
    if not missing:
        return placed
    made = run.remote(goal.interpreter).compile(missing)
    return tuple(
        Placed(
            pin=each.pin,
            wheel=each.wheel,
            bytecode=each.bytecode or made[each.wheel.key],
            direct_url=each.direct_url,
        )
        for each in placed
    )


def _renew(prepared: Prepared) -> None:
    """Remember that these inputs lead to no change, so that the next plan need not find out again."""
    goal = prepared.goal
    labels = make_receipt(
        goal, prepared.plan, lock_digest=_lock_digest_after(goal), built=read_built(goal.path)
    )
    renew_receipt(goal.path, labels, retimed=prepared.state.times.retimed)
