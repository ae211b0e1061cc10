"""``envctl apply PLAN``: a saved plan carried out exactly, or refused with what moved. Resolves nothing."""

from __future__ import annotations

import os

from envctl.errors import InputError, StaleError
from envctl.lock.lock import Lock
from envctl.lock.parse import parse as parse_lock
from envctl.plan.change import Plan
from envctl.plan.digest import digest_installed
from envctl.plan.parse import parse_plan
from envctl.plan.staleness import compare_inputs, is_done
from envctl.transaction.held import Held
from envctl.workflow.apply import Confirm, carry_out
from envctl.workflow.context import Context, Run
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.inputs import declared, read_file
from envctl.workflow.look import look
from envctl.workflow.plan import Prepared, assemble, make_inputs, observe, open_run, planned_environment
from envctl.workflow.prepare import Choice, Situation, choose_default, choose_for, resolve_path, survey
from envctl.workflow.reading import complete, digest_lock, outline
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import PlanOptions, Report
from envctl.workflow.sources import list_local_paths


def apply_saved(context: Context, path: str, *, confirm: Confirm, lock_timeout: float) -> Report:
    """Carry out the plan at ``path``; ``confirm`` is as in `apply`.

    A plan whose result is already there is done. One that does not fit any more is refused.

    Raises:
        InputError: `bad-plan`, `plan-damaged`, `no-file`.
        StaleError: `stale-plan` with what moved; CheckError: `policy-denied`.
    """
    absolute = resolve_path(context, path)
    assert absolute is not None  # noqa: S101 - a path was given
    saved = parse_plan(read_file(absolute), path=absolute)
    run = open_run(context)
    try:
        place = find_place(context)
        tell_active(context, place.environment)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            return _carry_out(run, held, saved, confirm)
    finally:
        run.close()


def _carry_out(run: Run, held: Held, saved: Plan, confirm: Confirm) -> Report:
    options = _options_of(saved)
    loaded, declaration = declared(run.context)
    # A plan that adopted has made the environment ours: asked to adopt again, `look` lets both pass.
    state = look(declaration.path, PlanOptions(adopt=options.adopt))
    situation = survey(
        run.context, loaded, declaration, present=state.executable, from_lock=options.from_lock
    )
    planned, goal = _planned_lock(situation, saved), outline(situation)
    moved = compare_inputs(
        saved, make_inputs(goal, options), observe(state), environment=planned_environment(goal)
    )
    is_there = is_done(
        saved,
        installed_now=digest_installed(state),
        lock_now=goal.digests["lock"],
        lock_planned=digest_lock(planned) if planned is not None else None,
    )
    # What a reinstallation leads to is there before it as well: asked for, it is done.
    if is_there and (moved or not options.reinstall):
        return Report(plan=saved, outcome="already-applied", generation=state.generation)
    if moved:
        raise _stale(saved, moved)
    goal = complete(goal, _choose(situation, planned, saved, options))
    made = assemble(run, goal, state, options)
    if made.changes != saved.changes:
        raise _stale(saved, ("the plan that envctl makes of the same state",))
    prepared = Prepared(goal=goal, state=state, plan=made, anew=options.reinstall)
    return carry_out(run, held, prepared, confirm=confirm)


def _options_of(saved: Plan) -> PlanOptions:
    table = saved.inputs.options
    reinstall, from_lock = table.get("reinstall", ()), table.get("from")
    return PlanOptions(
        adopt=bool(table.get("adopt")),
        from_lock=from_lock if isinstance(from_lock, str) else None,
        reinstall=frozenset(str(name) for name in reinstall)
        if isinstance(reinstall, list | tuple)
        else frozenset(),
    )


def _planned_lock(situation: Situation, saved: Plan) -> Lock | None:
    if saved.lock_text is None:
        return None
    return parse_lock(
        saved.lock_text.encode(),
        path=situation.lock.path,
        allowed_paths=list_local_paths(situation.manifest),
    )


def _choose(situation: Situation, planned: Lock | None, saved: Plan, options: PlanOptions) -> Choice:
    lock = planned if planned is not None else situation.lock.lock
    if lock is None:
        raise InputError("bad-plan", "the plan holds no lock, and there is none", where=situation.lock.path)
    selection = choose_default(situation, lock) if options.from_lock else choose_for(situation, lock)
    text = saved.lock_text.encode() if saved.lock_text is not None else None
    return Choice(lock=lock, text=text, selection=selection, changes=saved.lock_changes)


def _stale(saved: Plan, moved: tuple[str, ...]) -> StaleError:
    return StaleError(
        "stale-plan",
        f"the plan does not fit any more; since it was made these moved: {', '.join(moved)}",
        where=os.path.basename(saved.environment.path),
        hints=["`envctl plan --out FILE` makes a new one"],
        moved=moved,
    )
