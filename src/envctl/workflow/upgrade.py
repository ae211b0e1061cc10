"""``envctl upgrade``: locked versions moved, and the bounds of the manifest with them when that is asked for.

Everything is edited in memory and resolved; then it goes on as ``apply`` does, in one transaction. Bounds
are rewritten in two steps: without the pins that are to be rewritten versions are chosen, and with the
bounds that follow from these all is resolved once more, which moves nothing and makes the lock that fits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as replace_situation

from packaging.version import Version

from envctl.environment.configuration import choose_executable, read_configuration
from envctl.frozen import dataclass, replace
from envctl.lock.difference import compare
from envctl.lock.lock import Lock
from envctl.manifest.bounds import NONE, bind, loosen
from envctl.manifest.edit import Entry, find_entries, replace_entries
from envctl.manifest.locate import Path
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import select_environment
from envctl.model.events import Notice
from envctl.plan.change import Plan
from envctl.plan.goal import GoalLock
from envctl.workflow.apply import carry_out, list_replacements
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.context import Context, Released, Run
from envctl.workflow.edits import FileEdit, laid_out, refuse_moved
from envctl.workflow.holding import hold_site
from envctl.workflow.inputs import declared, load_manifest, read_file
from envctl.workflow.lock import lock as relock
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
from envctl.workflow.releasing import find_released
from envctl.workflow.remarks import tell_active
from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report
from envctl.workflow.staleness import is_up_to_date
from envctl.workflow.steady import say_once

#: Shows a plan with what becomes of the manifest, and says whether to go on.
ConfirmEdit = Callable[[Plan, tuple[ManifestChange, ...]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What shall move: projects by normalised name, and what groups need; everything where both are empty.

    ``bounds`` is ``lower`` or ``exact`` where the manifest is to follow, else ``none``.
    """

    names: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    bounds: str = NONE

    @property
    def is_all(self) -> bool:
        """Whether nothing was named."""
        return not self.names and not self.groups


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revised:
    """The lock to be written, and what it was made from: the situation with the manifest as it will be."""

    situation: Situation
    lock: Lock
    fitted: bool
    edits: tuple[FileEdit, ...] = ()
    changes: tuple[ManifestChange, ...] = ()


def upgrade(
    context: Context, wishes: Wishes, options: PlanOptions, *, confirm: ConfirmEdit, lock_timeout: float
) -> Report:
    """Move versions, and go on as `apply`: manifest, lock and environment change together or not at all.

    Raises:
        CheckError: `not-locked`; UsageError: `unknown-group`; InputError: `cannot-edit`.
        MachineError: `file-changed-meanwhile`; and whatever `apply` raises.
    """
    run = open_run(say_once(context))
    try:
        place = find_place(context)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            prepared = _prepare(run, wishes, options)
            changes = prepared.manifest_changes
            return carry_out(run, held, prepared, confirm=lambda plan: confirm(plan, changes))
    finally:
        run.close()


def upgrade_lock(context: Context, wishes: Wishes, *, lock_timeout: float) -> Locked:
    """Move versions in manifest and lock alone, both or neither; the environment stays.

    Raises what `upgrade` does, as far as it comes.
    """
    if wishes.bounds == NONE:
        return relock(
            context,
            upgrade=wishes.is_all,
            upgrade_packages=wishes.names,
            upgrade_groups=wishes.groups,
        )
    run = open_run(say_once(context))
    try:
        place = find_place(context)
        with hold_site(context, place, lock_timeout=lock_timeout) as held:
            present = choose_executable(read_configuration(place.environment) or {})
            revised = _revise(run, wishes, present=present)
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


def _prepare(run: Run, wishes: Wishes, options: PlanOptions) -> Prepared:
    """Do what `plan.prepare` does, with the manifest and the lock that are wished for."""
    _, declaration = declared(run.context)
    tell_active(run.context, declaration.path)
    state = look(declaration.path, options)
    revised = _revise(run, wishes, present=state.executable)
    situation = revised.situation
    coverage = cover(run, situation)
    if not coverage.holds(situation.target):
        raise refuse_uncovered(situation, coverage)
    lock = _outline_lock(revised)
    text = None if lock.text is None else lock.text.encode()
    selection = choose_for(situation, revised.lock)
    choice = Choice(lock=revised.lock, text=text, selection=selection, changes=lock.changes)
    goal = complete(outline(situation), choice)
    return Prepared(
        goal=goal,
        state=state,
        plan=assemble(run, goal, state, options),
        edits=revised.edits,
        manifest_changes=revised.changes,
    )


def _outline_lock(revised: _Revised) -> GoalLock:
    """Say what becomes of the lock: its text where it is to be written, and what is different in it."""
    situation, made = revised.situation, revised.lock
    old = situation.lock.lock
    return GoalLock(
        path=situation.lock.path,
        digest=situation.lock.digest,
        text=None if old is not None and old.data == made.data else made.data.decode(),
        changes=compare(old, made, asked=asked_by_anyone(situation.manifest)),
    )


def _revise(run: Run, wishes: Wishes, *, present: str | None) -> _Revised:
    """Make the lock that is wished for, and the manifest that goes with it. Changes nothing."""
    loaded, declaration = declared(run.context)
    situation = survey(run.context, loaded, declaration, present=present)
    manifest, old = situation.manifest, situation.lock.lock
    fitted = is_up_to_date(manifest, old, situation.direct)
    released: Released = None
    if not wishes.is_all:
        released = find_released(situation.lock, manifest, names=wishes.names, groups=wishes.groups)
    if wishes.bounds == NONE:
        lock = _make_lock(run, situation, old, released)
        return _Revised(situation=situation, lock=lock, fitted=fitted)
    desk = _Desk(run, situation, present, read_file(manifest.lists_in))
    entries = _choose_entries(desk.before, manifest, wishes)
    with desk.as_if({entry.key: loosen(entry.text) for entry in entries}) as (loose, _):
        first = _make_lock(run, loose, old, released)
    texts = dict(_bind(run, entries, first, wishes.bounds))
    with desk.as_if(texts) as (final, edits):
        lock = _make_lock(run, final, first, frozenset())
    changes = tuple(
        ManifestChange(path=manifest.lists_in, by=entry.by, before=entry.text, after=texts[entry.key])
        for entry in entries
        if texts[entry.key] != entry.text
    )
    return _Revised(situation=final, lock=lock, fitted=fitted, edits=edits, changes=changes)


@dataclass(frozen=True, slots=True)
class _Desk:
    """The file with the lists, lying open: ``before`` is its text, ``situation`` that of this text."""

    run: Run
    situation: Situation
    present: str | None
    before: bytes

    @contextmanager
    def as_if(self, texts: Mapping[Path, str]) -> Iterator[tuple[Situation, tuple[FileEdit, ...]]]:
        """Give the situation that there is once entries have these texts, and the edit that makes it so."""
        manifest, context = self.situation.manifest, self.run.context
        path = manifest.lists_in
        old = {entry.key: entry.text for entry in find_entries(self.before, name=os.path.basename(path))}
        changed = {key: text for key, text in texts.items() if text != old[key]}
        if not changed:
            yield self.situation, ()
            return
        edit = FileEdit(
            path=path,
            before=self.before,
            after=replace_entries(self.before, changed, path=path),
            is_built_from=manifest.project is not None and manifest.project.install,
        )
        loaded = load_manifest(context, {path: edit.after})
        declaration = select_environment(loaded.manifest, context.environment)
        with laid_out([edit]):
            yield survey(context, loaded, declaration, present=self.present), (edit,)


def _make_lock(run: Run, situation: Situation, old: Lock | None, released: Released) -> Lock:
    """Make the lock of a situation, with the versions of ``old`` instead of those on disk."""
    held = replace_situation(situation, lock=replace(situation.lock, lock=old))
    return make_lock(run, held, cover(run, situation), released=released)


def _choose_entries(text: bytes, manifest: Manifest, wishes: Wishes) -> Sequence[Entry]:
    """Choose whose bounds are rewritten: all, or those of the names, and those of the groups' lists."""
    entries = find_entries(text, name=os.path.basename(manifest.lists_in))
    if wishes.is_all:
        return entries
    lists = {asked.by for group in wishes.groups for asked in manifest.groups[group]}
    return [entry for entry in entries if entry.name in wishes.names or entry.by in lists]


def _bind(run: Run, entries: Iterable[Entry], lock: Lock, mode: str) -> Iterator[tuple[Path, str]]:
    """Rewrite the bounds of entries to what a lock holds; tells of those that it cannot pin."""
    versions: dict[str, list[Version]] = {}
    for package in lock.packages:
        if package.version is not None:
            versions.setdefault(package.name, []).append(Version(str(package.version)))
    for entry in entries:
        bound = bind(entry.text, versions.get(entry.name, ()), mode=mode)
        if bound is None:
            several = ", ".join(map(str, sorted(versions[entry.name])))
            run.context.emit(
                Notice(
                    "warning",
                    "bound-not-set",
                    f"`{entry.text}` stays as it is: the lock holds several versions of it, {several}",
                )
            )
        yield entry.key, entry.text if bound is None else bound
