"""``envctl upgrade``: locked versions moved, and the bounds of the manifest with them when that is asked for.

Bounds are rewritten in two steps: without the pins that are to be rewritten versions are chosen, and with
the bounds that follow from these all is resolved once more, which moves nothing and makes the lock that fits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from envctl.frozen import dataclass
from envctl.manifest.bounds import NONE, loosen
from envctl.manifest.edit import Entry, find_entries, replace_entries
from envctl.manifest.manifest import Manifest
from envctl.workflow.context import Context, Released
from envctl.workflow.editing import ConfirmEdit, Desk, Revised, edit, edit_lock
from envctl.workflow.inputs import read_file
from envctl.workflow.lock import lock as relock
from envctl.workflow.releasing import find_released
from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report
from envctl.workflow.staleness import is_up_to_date


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


def upgrade(
    context: Context, wishes: Wishes, options: PlanOptions, *, confirm: ConfirmEdit, lock_timeout: float
) -> Report:
    """Move versions, and go on as `apply`: manifest, lock and environment change together or not at all.

    Raises:
        CheckError: `not-locked`; UsageError: `unknown-group`; InputError: `cannot-edit`.
        MachineError: `file-changed-meanwhile`; and whatever `apply` raises.
    """
    return edit(context, partial(_revise, wishes), options, confirm=confirm, lock_timeout=lock_timeout)


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
    return edit_lock(context, partial(_revise, wishes), lock_timeout=lock_timeout)


def _revise(wishes: Wishes, desk: Desk) -> Revised:
    """Make the lock that is wished for, and the manifest that goes with it. Changes nothing."""
    situation = desk.situation
    manifest, old = situation.manifest, situation.lock.lock
    fitted = is_up_to_date(manifest, old, situation.direct)
    released: Released = None
    if not wishes.is_all:
        released = find_released(situation.lock, manifest, names=wishes.names, groups=wishes.groups)
    if wishes.bounds == NONE:
        made = desk.make_lock(situation, old, released)
        return Revised(situation=situation, lock=made, fitted=fitted, released=released)
    path = manifest.lists_in
    before = read_file(path)
    entries = _choose_entries(before, manifest, wishes)
    loosened = {entry.key: loosen(entry.text) for entry in entries}
    with desk.as_if({path: replace_entries(before, loosened, path=path)}) as (loose, _):
        first = desk.make_lock(loose, old, released)
    texts = desk.bind(entries, first, wishes.bounds)
    with desk.as_if({path: replace_entries(before, texts, path=path)}) as (final, edits):
        lock = desk.make_lock(final, first)
    changes = tuple(
        ManifestChange(path=path, by=entry.by, before=entry.text, after=texts[entry.key])
        for entry in entries
        if texts[entry.key] != entry.text
    )
    return Revised(situation=final, lock=lock, fitted=fitted, edits=edits, changes=changes, released=released)


def _choose_entries(text: bytes, manifest: Manifest, wishes: Wishes) -> Sequence[Entry]:
    """Choose whose bounds are rewritten: all, or those of the names, and those of the groups' lists."""
    entries = find_entries(text, name=os.path.basename(manifest.lists_in))
    if wishes.is_all:
        return entries
    lists = {asked.by for group in wishes.groups for asked in manifest.groups[group]}
    return [entry for entry in entries if entry.name in wishes.names or entry.by in lists]
