"""What all commands that edit the manifest do: edited in memory, resolved, and then on as ``apply`` does.

Manifest, lock and environment change together in one transaction, or not at all. What is to be in the files
is said by a *revision*: a function that is given the `Desk` on which the files lie open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace as replace_situation

from packaging.version import Version

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.frozen import dataclass, replace
from envctl.lock.difference import compare
from envctl.lock.lock import Lock
from envctl.manifest.bounds import bind
from envctl.manifest.edit import Entry
from envctl.manifest.locate import Path
from envctl.manifest.select import select_environment
from envctl.model.change import Action
from envctl.model.events import Notice
from envctl.plan.address import parse_package
from envctl.plan.change import Plan
from envctl.plan.goal import GoalLock
from envctl.transaction.site import Site
from envctl.workflow.apply import carry_out, list_replacements
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.context import Context, Place, Released, Run
from envctl.workflow.edits import FileEdit, laid_out, refuse_moved
from envctl.workflow.holding import hold_site
from envctl.workflow.inputs import load_manifest, read_file
from envctl.workflow.look import look
from envctl.workflow.plan import Prepared, assemble, open_run
from envctl.workflow.prepare import (
    Choice,
    Situation,
    choose_for,
    cover,
    make_lock,
    refuse_uncovered,
    survey,
)
from envctl.workflow.reading import complete, find_place, outline
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report
from envctl.workflow.steady import say_once

#: Shows a plan with what becomes of the manifest, and says whether to go on.
ConfirmEdit = Callable[[Plan, tuple[ManifestChange, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """The lock to be written, and what it was made from: the situation with the files as they will be.

    ``fitted`` says that the lock was up to date before, ``released`` whose versions somebody wants to move.
    """

    situation: Situation
    lock: Lock
    fitted: bool
    edits: tuple[FileEdit, ...] = ()
    changes: tuple[ManifestChange, ...] = ()
    released: Released = frozenset()


class Desk:
    """The files of a manifest, lying open; ``present`` is the interpreter that the environment has.

    ``site`` is that environment, held.
    """

    def __init__(self, run: Run, site: Site, present: str | None) -> None:
        self.run = run
        self.site = site
        self.present = present
        self._situation: Situation | None = None

    @property
    def situation(self) -> Situation:
        """The situation as the files are on disk."""
        if self._situation is None:
            self._situation = self._survey({})
        return self._situation

    @contextmanager
    def as_if(self, texts: Mapping[str, bytes]) -> Iterator[tuple[Situation, tuple[FileEdit, ...]]]:
        """Give the situation that there is once files have these texts, and the edits that make it so."""
        before = {path: read_file(path) if os.path.lexists(path) else None for path in texts}
        changed = {path: text for path, text in texts.items() if text != before[path]}
        if not changed:
            yield self.situation, ()
            return
        manifest = load_manifest(self.run.context, changed).manifest
        is_installed = manifest.project is not None and manifest.project.install
        edits = tuple(
            FileEdit(
                path=path,
                before=before[path],
                after=text,
                is_built_from=is_installed and path == manifest.lists_in,
            )
            for path, text in changed.items()
        )
        with laid_out(edits, self.site):
            yield self._survey(changed), edits

    def make_lock(self, situation: Situation, old: Lock | None, released: Released = frozenset()) -> Lock:
        """Make the lock of a situation, with the versions of ``old`` instead of those on disk."""
        held = replace_situation(situation, lock=replace(situation.lock, lock=old))
        return make_lock(self.run, held, cover(self.run, situation), released=released)

    def bind(self, entries: Iterable[Entry], lock: Lock, mode: str) -> Mapping[Path, str]:
        """Rewrite the bounds of entries to what a lock holds; tells of those that it cannot pin."""
        versions: dict[str, list[Version]] = {}
        for package in lock.packages:
            if package.version is not None:
                versions.setdefault(package.name, []).append(Version(str(package.version)))
        texts: dict[Path, str] = {}
        for entry in entries:
            bound = bind(entry.text, versions.get(entry.name, ()), mode=mode)
            if bound is None:
                several = ", ".join(map(str, sorted(versions[entry.name])))
                self.run.context.emit(
                    Notice(
                        "warning",
                        "bound-not-set",
                        f"`{entry.text}` stays as it is: the lock holds several versions of it, {several}",
                    )
                )
            texts[entry.key] = entry.text if bound is None else bound
        return texts

    def _survey(self, edited: Mapping[str, bytes]) -> Situation:
        context = self.run.context
        loaded = load_manifest(context, edited or None)
        declaration = select_environment(loaded.manifest, context.environment)
        return survey(context, loaded, declaration, present=self.present)


#: Says what the files and the lock shall be. Changes nothing.
Revise = Callable[[Desk], Revised]


def edit(
    context: Context,
    revise: Revise,
    options: PlanOptions,
    *,
    confirm: ConfirmEdit,
    lock_timeout: float,
    place: Place | None = None,
) -> Report:
    """Revise the files, and go on as `apply`. ``place`` is given where there is no manifest yet.

    Raises:
        InputError: `cannot-edit`; MachineError: `file-changed-meanwhile`; what ``revise`` and `apply` raise.
    """
    run = open_run(say_once(context))
    try:
        place = place or find_place(context)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            prepared = _prepare(run, held.site, revise, options)
            changes = prepared.manifest_changes
            return carry_out(run, held, prepared, confirm=lambda plan: confirm(plan, changes))
    finally:
        run.close()


def edit_lock(context: Context, revise: Revise, *, lock_timeout: float, place: Place | None = None) -> Locked:
    """Revise the files and the lock alone, both or neither; the environment stays.

    Raises what `edit` does, as far as it comes.
    """
    run = open_run(say_once(context))
    try:
        place = place or find_place(context)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            present = choose_executable(read_configuration(place.environment) or {})
            revised = revise(Desk(run, held.site, present))
            lock = _outline_lock(revised)
            replacements = list_replacements(revised.edits, lock)
            refuse_moved(replacements)
            if replacements:
                held.replace_files(replacements)
            return Locked(
                path=lock.path,
                fresh=revised.fitted,
                written=lock.text is not None,
                packages=len(revised.lock.packages),
                changes=lock.changes,
                manifest_changes=revised.changes,
            )
    finally:
        run.close()


def _prepare(run: Run, site: Site, revise: Revise, options: PlanOptions) -> Prepared:
    """Do what `plan.prepare` does, with the manifest and the lock that are wished for."""
    tell_active(run.context, site.path)
    state = look(site.path, options)
    revised = revise(Desk(run, site, state.executable))
    situation = revised.situation
    coverage = cover(run, situation)
    if not coverage.holds(situation.target):
        raise refuse_uncovered(situation, coverage)
    lock = _outline_lock(revised)
    text = None if lock.text is None else lock.text.encode()
    selection = choose_for(situation, revised.lock)
    choice = Choice(lock=revised.lock, text=text, selection=selection, changes=lock.changes)
    goal = complete(outline(situation), choice)
    plan = assemble(run, goal, state, options)
    return Prepared(
        goal=goal,
        state=state,
        plan=plan,
        edits=revised.edits,
        manifest_changes=revised.changes,
        anew=_find_moved(plan, revised.released),
    )


def _find_moved(plan: Plan, released: Released) -> frozenset[str]:
    """Name what was let go of and moves; what stays is laid as it was built."""
    moves = {Action.CREATE, Action.UPDATE}
    moved = {parse_package(change.address) for change in plan.changes if change.action in moves}
    return frozenset(name for name in moved if name and (released is None or name in released))


def _outline_lock(revised: Revised) -> GoalLock:
    """Say what becomes of the lock: its text where it is to be written, and what is different in it."""
    situation, made = revised.situation, revised.lock
    old = situation.lock.lock
    return GoalLock(
        path=situation.lock.path,
        digest=situation.lock.digest,
        text=None if old is not None and old.data == made.data else made.data.decode(),
        changes=compare(old, made, asked=asked_by_anyone(situation.manifest)),
    )
