"""Manifest and lock read into a goal: the heavy way, for whoever has no goal of an earlier run that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envctl.frozen import replace
from envctl.lock.lock import Lock, own_text
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import python_requests
from envctl.model.digest import digest_value
from envctl.model.selection import Selection
from envctl.model.state import State
from envctl.model.tables import PolicySettings
from envctl.plan.goal import Goal, GoalLock
from envctl.receipt import ABSENT, digest_file
from envctl.workflow.context import Context, Place, Run
from envctl.workflow.goals import keep_goal
from envctl.workflow.inputs import declared, load_manifest
from envctl.workflow.look import look
from envctl.workflow.prepare import Choice, Situation, choose_pins, survey
from envctl.workflow.results import PlanOptions
from envctl.workflow.sources import list_input_files
from envctl.workflow.staleness import project_digests


def read_manifest(context: Context) -> Manifest:
    """See `Reader.read_manifest`."""
    return load_manifest(context).manifest


def find_place(context: Context) -> Place:
    """See `Reader.find_place`."""
    loaded, declaration = declared(context)
    return Place(
        environment=declaration.path,
        manifest=loaded.manifest.path,
        switch=loaded.manifest.install.switch,
        lock=loaded.manifest.lock.path,
    )


def read_goal(run: Run, options: PlanOptions) -> tuple[Goal, State]:
    """See `Reader.read_goal`."""
    loaded, declaration = declared(run.context)
    state = look(declaration.path, options)
    situation = survey(
        run.context, loaded, declaration, present=state.executable, from_lock=options.from_lock
    )
    choice = choose_pins(run, situation, options)
    goal = complete(outline(situation), choice)
    if options.from_lock is None:
        requests = python_requests(loaded.manifest, declaration)
        keep_goal(
            run.context,
            goal,
            state,
            (request.path for request in requests if request.path is not None),
            choice.kept,
        )
    return goal, state


def outline(situation: Situation) -> Goal:
    """Say of a goal what is known before anything is chosen from a lock: nothing is selected yet."""
    manifest, interpreter = situation.manifest, situation.interpreter
    lock = situation.lock
    return Goal(
        name=situation.declaration.name,
        path=situation.declaration.path,
        manifest=manifest.path,
        prompt=manifest.name,
        interpreter=interpreter,
        platform=situation.target.name,
        selection=Selection(pins={}, python=interpreter.minor),
        locked=frozenset(),
        yanked=None,
        status=None,
        install=manifest.install,
        build=manifest.build_inputs,
        policy=manifest.policy,
        lock=GoalLock(path=lock.path, digest=lock.digest),
        digests={
            "manifest": digest_value([manifest.digest, situation.declaration.name]),
            "lock": digest_lock(lock.lock),
            "interpreter": digest_value(
                [interpreter.version, interpreter.identity, interpreter.platform, interpreter.implementation]
            ),
            "policy": digest_value(policy_table(manifest.policy)),
            "projects": digest_value(dict(project_digests(situation.direct))),
        },
        files=dict(_digest_files(situation)),
    )


def complete(goal: Goal, choice: Choice) -> Goal:
    """Say of an outlined goal what was chosen."""
    return replace(
        goal,
        selection=choice.selection,
        locked=frozenset(str(package.name) for package in choice.lock.packages),
        yanked=_find_told(choice.lock, choice.selection, "yanked"),
        status=_find_told(choice.lock, choice.selection, "status"),
        lock=replace(
            goal.lock,
            text=choice.text.decode() if choice.text is not None else None,
            changes=choice.changes,
        ),
    )


def _find_told(lock: Lock, selection: Selection, key: str) -> Mapping[str, str] | None:
    """Read what indexes told when the lock was made; nobody knows it of a lock that another tool made."""
    if not lock.is_ours:
        return None
    found = {str(package.name): own_text(package, key) for package in lock.packages}
    return {name: reason for name in selection.pins if (reason := found.get(name)) is not None}


def _digest_files(situation: Situation) -> Iterator[tuple[str, str]]:
    for path in list_input_files(situation.direct.values()):
        yield path, digest_file(path) or ABSENT
    for path, digest in situation.loaded.digests.items():
        yield path, f"sha256:{digest}"


def digest_lock(lock: Lock | None) -> str:
    """Digest a lock's content, not its text; one that is not there has a digest, too."""
    return digest_value(None) if lock is None else lock.content


def policy_table(policy: PolicySettings) -> list[object]:
    """Give the policy as JSON values."""
    rules = [[rule.name, rule.mode, dict(rule.settings)] for _, rule in sorted(policy.rules.items())]
    waivers = [[each.rule, each.package, each.reason, str(each.until)] for each in policy.waivers]
    return [rules, waivers]
