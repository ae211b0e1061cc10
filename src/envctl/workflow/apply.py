"""``envctl apply``: plan, and do exactly that, as one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from envctl.errors import CancelledError
from envctl.model.change import Action
from envctl.plan.carry import carried
from envctl.plan.change import Plan
from envctl.store.entry import Entry
from envctl.transaction.blueprint import Blueprint, Placed, Replacement
from envctl.transaction.execute import Held
from envctl.workflow.context import Context
from envctl.workflow.holding import hold_site
from envctl.workflow.inputs import declared
from envctl.workflow.later import compile_later
from envctl.workflow.obtain import obtain
from envctl.workflow.plan import Prepared, open_run, prepare
from envctl.workflow.prepare import Run
from envctl.workflow.receipts import make_receipt, renew_receipt
from envctl.workflow.results import PlanOptions, Report
from envctl.workflow.verdicts import pronounce_again, refuse_policy

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
        loaded, declaration = declared(context)
        with hold_site(context, declaration.path, loaded.manifest.path, lock_timeout=lock_timeout) as held:
            # `prepare` reads the manifest again: who held the lock before may have written it.
            return carry_out(run, held, prepare(run, options), confirm=confirm)
    finally:
        run.close()


def carry_out(run: Run, held: Held, prepared: Prepared, *, confirm: Confirm) -> Report:
    """Do what a plan says, and nothing else. The environment is held."""
    plan = prepared.plan
    if not plan.applyable:
        confirm(plan)  # it is shown; whatever the answer, it is not carried out
        raise refuse_policy(plan)
    if plan.is_empty:
        _renew(prepared)
        return Report(plan=plan, outcome="nothing-to-do", generation=plan.observed.generation)
    if not confirm(plan):
        raise CancelledError("cancelled", "nothing was changed")
    replacements = _replacements(prepared)
    if all(change.action is Action.NO_OP for change in plan.changes):
        held.replace_files(replacements)
        _renew(prepared)
        generation = plan.observed.generation
    else:
        generation = _switch(run, held, prepared, replacements)
    return Report(plan=plan, outcome="applied", generation=generation, lock_written=bool(replacements))


def _replacements(prepared: Prepared) -> list[Replacement]:
    text, lock = prepared.choice.text, prepared.situation.lock
    return [] if text is None else [Replacement(path=lock.path, before=lock.digest, after=text)]


def _lock_digest_after(prepared: Prepared) -> str | None:
    text = prepared.choice.text
    return prepared.situation.lock.digest if text is None else hashlib.sha256(text).hexdigest()


def _switch(run: Run, held: Held, prepared: Prepared, replacements: Sequence[Replacement]) -> int:
    situation, settings = prepared.situation, run.context.settings
    placed = obtain(run, situation, prepared.choice.selection)
    judged = pronounce_again(situation, prepared.choice, prepared.plan, placed, run.context.emit)
    placed = _compile_now(run, prepared, placed)
    blueprint = Blueprint(
        interpreter=situation.interpreter,
        prompt=situation.manifest.name,
        placed=placed,
        carry=carried(prepared.state, prepared.plan.changes),
        replacements=tuple(replacements),
        receipt=make_receipt(situation, prepared.choice, judged, lock_digest=_lock_digest_after(prepared)),
        link=situation.link,
        allow_overwrite=situation.manifest.install.allow_overwrite,
    )
    number = held.apply(
        blueprint,
        store=run.store,
        environ=settings.environ,
        keep=situation.manifest.install.keep_generations,
    )
    if not settings.no_cache:  # else there is nothing left to fill
        compile_later(
            run.store,
            _uncompiled(placed) if situation.compile == "auto" else (),
            situation.interpreter,
            settings.environ,
            unsettled=_unsettled(placed),
        )
    return number


def _uncompiled(placed: Sequence[Placed]) -> list[Entry]:
    return [each.wheel for each in placed if each.bytecode is None]


def _unsettled(placed: Sequence[Placed]) -> list[Entry]:
    entries = [entry for each in placed for entry in (each.wheel, each.bytecode) if entry is not None]
    return [entry for entry in entries if not entry.settled]


def _compile_now(run: Run, prepared: Prepared, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Wait for bytecode where the manifest says so."""
    missing = _uncompiled(placed)
    if prepared.situation.compile != "true" or not missing:
        return placed
    situation = prepared.situation
    made = run.remote(situation.manifest, situation.interpreter).compile(missing)
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
    situation = prepared.situation
    labels = make_receipt(situation, prepared.choice, prepared.plan, lock_digest=_lock_digest_after(prepared))
    renew_receipt(situation.declaration.path, labels)
