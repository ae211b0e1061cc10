"""``envctl plan``: what would be done, and why. Changes nothing but the cache."""

from __future__ import annotations

import hashlib
import json
import os

from envctl.errors import UsageError, raise_together
from envctl.frozen import dataclass
from envctl.lock.lock import Lock
from envctl.manifest.manifest import PolicySettings
from envctl.manifest.near import suggest
from envctl.model.selection import Selection
from envctl.model.state import Owner, State
from envctl.plan.carry import carried_data
from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment
from envctl.plan.decide import decide
from envctl.plan.digest import digest_planned
from envctl.plan.summary import add_downloads
from envctl.store.store import Store
from envctl.workflow.context import Context
from envctl.workflow.facts import find_absent, look_into_store
from envctl.workflow.inputs import declared
from envctl.workflow.prepare import (
    Choice,
    Run,
    Situation,
    choose_pins,
    look,
    survey,
)
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import PlanOptions
from envctl.workflow.staleness import project_digests
from envctl.workflow.verdicts import pronounce


def make_plan(context: Context, options: PlanOptions) -> Plan:
    """Plan what would make the environment equal to the manifest.

    Raises:
        InputError, MachineError, CheckError, ResolutionError, UpstreamError, BuildError: as the steps do.
    """
    run = open_run(context)
    try:
        return prepare(run, options).plan
    finally:
        run.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan with what it was made from, for whoever goes on to apply it."""

    situation: Situation
    state: State
    choice: Choice
    plan: Plan


def prepare(run: Run, options: PlanOptions) -> Prepared:
    """Read, look, choose and decide; may resolve where the lock does not fit.

    Raises:
        UsageError: `not-selected`; and whatever the steps raise.
    """
    loaded, declaration = declared(run.context)
    tell_active(run.context, declaration.path)
    state = look(declaration, options)
    situation = survey(
        run.context, loaded, declaration, present=state.executable, from_lock=options.from_lock
    )
    choice = choose_pins(run, situation, options)
    refuse_unselected(options.reinstall, choice.selection)
    return Prepared(
        situation=situation,
        state=state,
        choice=choice,
        plan=assemble(run, situation, state, choice, options),
    )


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


def assemble(run: Run, situation: Situation, state: State, choice: Choice, options: PlanOptions) -> Plan:
    """Put the plan together: the decision, what it was made from, and what policy says of it."""
    manifest = situation.manifest
    changes = decide(
        choice.selection,
        state,
        interpreter=situation.interpreter,
        prune=manifest.install.prune,
        reinstall=options.reinstall,
        locked=frozenset(str(package.name) for package in choice.lock.packages),
    )
    find = look_into_store(run.store, manifest.build, situation.interpreter)
    policy, diagnostics = pronounce(situation, choice, changes, find)
    return Plan(
        inputs=make_inputs(situation, options),
        environment=planned_environment(situation),
        observed=observe(state),
        changes=changes,
        drift=state.drift,
        lock_changes=choice.changes,
        lock_text=choice.text.decode() if choice.text is not None else None,
        planned_digest=digest_planned(changes),
        policy=policy,
        diagnostics=diagnostics,
        adopt=state.owner is Owner.OTHERS,
        carried=carried_data(state, changes),
        download_bytes=add_downloads(changes, find_absent(choice.selection, run.store)),
    )


def planned_environment(situation: Situation) -> PlannedEnvironment:
    """Say which environment a plan is for."""
    interpreter = situation.interpreter
    return PlannedEnvironment(
        name=situation.declaration.name,
        path=relative(situation.declaration.path, situation.manifest.folder),
        python=interpreter.version,
        executable=interpreter.executable,
        implementation=interpreter.implementation,
        platform=situation.target.name,
        switch=situation.manifest.install.switch,
    )


def observe(state: State) -> Observed:
    """Say what the environment was when the plan was made."""
    return Observed(
        exists=state.owner is not Owner.NOBODY,
        digest=state.digest,
        generation=state.generation,
        owner=state.owner.value,
    )


def make_inputs(situation: Situation, options: PlanOptions) -> Inputs:
    """Digest everything a plan depends on, by label. Of what was parsed: a comment makes nothing stale."""
    manifest, interpreter = situation.manifest, situation.interpreter
    shown = option_table(options)
    lock = situation.lock
    return Inputs(
        digests={
            "manifest": digest_value([manifest.digest, situation.declaration.name]),
            "lock": digest_lock(lock.lock),
            "options": digest_value(shown),
            "interpreter": digest_value(
                [interpreter.version, interpreter.identity, interpreter.platform, interpreter.implementation]
            ),
            "policy": digest_value(policy_table(manifest.policy)),
            "projects": digest_value(dict(project_digests(situation.direct))),
        },
        manifest_path=os.path.basename(manifest.path),
        lock_path=relative(lock.path, manifest.folder) if lock.digest is not None else None,
        options=shown,
    )


def digest_lock(lock: Lock | None) -> str:
    """Digest a lock's content, not its text: layout and comments do not count."""
    return digest_value(lock.pylock.to_dict() if lock is not None else None)


def policy_table(policy: PolicySettings) -> list[object]:
    """Give the policy as JSON values."""
    rules = [[rule.name, rule.mode, dict(rule.settings)] for _, rule in sorted(policy.rules.items())]
    waivers = [[each.rule, each.package, each.reason, str(each.until)] for each in policy.waivers]
    return [rules, waivers]


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


def digest_value(value: object) -> str:
    """Digest a JSON value in its canonical form (``sha256:…``)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def relative(path: str, folder: str) -> str:
    """Write a path relative to a folder, POSIX, so that another checkout reads it alike."""
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive on Windows
        return path.replace(os.sep, "/")
