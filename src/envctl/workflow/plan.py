"""``envctl plan``: what would be done, and why. Changes nothing but the cache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envctl.errors import UsageError, raise_together
from envctl.frozen import dataclass
from envctl.manifest.near import suggest
from envctl.model.change import Action, Diagnostic
from envctl.model.digest import digest_value
from envctl.model.selection import Selection
from envctl.model.state import Owner, State
from envctl.plan.carry import carried_data
from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment
from envctl.plan.decide import decide
from envctl.plan.digest import digest_planned
from envctl.plan.goal import Goal
from envctl.plan.summary import add_downloads
from envctl.receipt import ABSENT
from envctl.store.store import Store
from envctl.transaction.choice import MERGE, Way, choose_way
from envctl.transaction.site import locate
from envctl.workflow.context import Context, Run
from envctl.workflow.facts import find_absent, look_into_store
from envctl.workflow.goals import recall_goal
from envctl.workflow.insecure import find_insecure
from envctl.workflow.look import look
from envctl.workflow.remarks import repeat_words, tell_active, tell_manifest, tell_times
from envctl.workflow.results import ManifestChange, PlanOptions
from envctl.workflow.steady import is_as_read, look_steadily, say_once
from envctl.workflow.verdicts import pronounce

if TYPE_CHECKING:
    from envctl.workflow.edits import FileEdit


def make_plan(context: Context, options: PlanOptions) -> Plan:
    """Plan what would make the environment equal to the manifest, both as they are at one moment.

    Raises:
        InputError, MachineError, CheckError, ResolutionError, UpstreamError, BuildError: as the steps do.
    """
    run = open_run(say_once(context))
    try:
        return look_steadily(lambda: prepare(run, options), _is_steady).plan
    finally:
        run.close()


def _is_steady(prepared: Prepared) -> bool:
    goal = prepared.goal
    lock = f"sha256:{goal.lock.digest}" if goal.lock.digest is not None else ABSENT
    return is_as_read(goal.path, prepared.state.generation, {**goal.files, goal.lock.path: lock})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan with what it was made from, for whoever goes on to apply it.

    ``edits`` are put in place together with the lock; ``manifest_changes`` says what is in them. ``anew``
    names the projects whose build tools are chosen anew: those that somebody wants to move.
    """

    goal: Goal
    state: State
    plan: Plan
    edits: tuple[FileEdit, ...] = ()
    manifest_changes: tuple[ManifestChange, ...] = ()
    anew: frozenset[str] = frozenset()


def prepare(run: Run, options: PlanOptions) -> Prepared:
    """Find out what is wanted and what is there, and decide; may resolve where the lock does not fit.

    Raises:
        UsageError: `not-selected`; and whatever the steps raise.
    """
    goal, state = find_goal(run, options)
    tell_active(run.context, goal.path)
    tell_times(run.context, state)
    refuse_unselected(options.reinstall, goal.selection)
    return Prepared(goal=goal, state=state, plan=assemble(run, goal, state, options), anew=options.reinstall)


def find_goal(run: Run, options: PlanOptions) -> tuple[Goal, State]:
    """Recall the goal of an earlier run, or read manifest and lock; look at the environment."""
    kept = recall_goal(run.context) if options.from_lock is None else None
    if kept is not None:
        state = look(kept.goal.path, options)
        is_made = kept.goal.lock.text is not None
        if kept.fits(state) and not (is_made and options.locked):
            tell_manifest(run.context, kept.goal.manifest)
            if is_made:
                repeat_words(kept.labels, run.context.emit)
            return kept.goal, state
    return run.context.reader.read_goal(run, options)


def refuse_unselected(reinstall: frozenset[str], selection: Selection) -> None:
    """Refuse to lay anew what the environment shall not hold.

    Raises:
        UsageError: `not-selected`, one for each name.
    """
    raise_together(
        [
            UsageError(
                "not-selected",
                f"`--reinstall` names `{name}`, which is not among the packages of this environment",
                hints=suggest(name, selection.pins),
            )
            for name in sorted(reinstall - selection.pins.keys())
        ]
    )


def open_run(context: Context) -> Run:
    """Open the store for one command."""
    return Run(context, Store(context.settings.cache_dir))


def assemble(run: Run, goal: Goal, state: State, options: PlanOptions) -> Plan:
    """Put the plan together: the decision, what it was made from, and what policy says of it."""
    changes = decide(
        goal.selection,
        state,
        interpreter=goal.interpreter,
        prune=goal.install.prune,
        reinstall=options.reinstall,
        locked=goal.locked,
    )
    find = look_into_store(run.store, goal, run.context.settings.environ)
    policy, diagnostics = pronounce(goal, changes, find)
    absent = find_absent(goal.selection, run.store)
    moves = any(change.action is not Action.NO_OP for change in changes)
    insecure = find_insecure(
        run.context.settings, asks=goal.lock.text is not None or (moves and bool(absent))
    )
    way = choose_way(locate(goal.path), goal.install.switch) if moves else Way()
    return Plan(
        inputs=make_inputs(goal, options),
        environment=planned_environment(goal, switch=MERGE if way.merge else goal.install.switch),
        observed=observe(state),
        changes=changes,
        drift=state.drift,
        lock_changes=goal.lock.changes,
        lock_text=goal.lock.text,
        planned_digest=digest_planned(changes),
        policy=policy,
        diagnostics=(*insecure, *diagnostics, *tell_way(way, goal)),
        adopt=state.owner is Owner.OTHERS,
        carried=carried_data(state, changes),
        download_bytes=add_downloads(changes, absent),
    )


def planned_environment(goal: Goal, *, switch: str = "") -> PlannedEnvironment:
    """Say which environment a plan is for, and how it will be switched."""
    interpreter = goal.interpreter
    return PlannedEnvironment(
        name=goal.name,
        path=relative(goal.path, goal.folder),
        python=interpreter.version,
        executable=interpreter.executable,
        implementation=interpreter.implementation,
        platform=goal.platform,
        switch=switch or goal.install.switch,
    )


def tell_way(way: Way, goal: Goal) -> tuple[Diagnostic, ...]:
    """Say how the environment will be changed, where that is not by the ordinary exchange."""
    if not way.merge:
        return ()
    words = f"`{relative(goal.path, goal.folder)}` is changed file by file (`merge`), because {way.reason}"
    return (Diagnostic(level="info", code="merge", message=words),)


def observe(state: State) -> Observed:
    """Say what the environment was when the plan was made."""
    return Observed(
        exists=state.owner is not Owner.NOBODY,
        digest=state.digest,
        generation=state.generation,
        owner=state.owner.value,
    )


def make_inputs(goal: Goal, options: PlanOptions) -> Inputs:
    """Name everything a plan depends on, by label. Of what was parsed: a comment makes nothing stale."""
    shown = option_table(options)
    return Inputs(
        digests={**goal.digests, "options": digest_value(shown)},
        manifest_path=os.path.basename(goal.manifest),
        lock_path=relative(goal.lock.path, goal.folder) if goal.lock.digest is not None else None,
        options=shown,
    )


def option_table(options: PlanOptions) -> dict[str, object]:
    """Give the options that shape a plan, those that are set, as JSON values."""
    table: dict[str, object] = {}
    if options.from_lock is not None:
        table["from"] = options.from_lock
    if options.adopt:
        table["adopt"] = True
    if options.reinstall:
        table["reinstall"] = sorted(options.reinstall)
    return table


def relative(path: str, folder: str) -> str:
    """Write a path relative to a folder, POSIX, so that another checkout reads it alike."""
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive on Windows
        return path.replace(os.sep, "/")
