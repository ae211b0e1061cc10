"""``envctl import``: what others installed, taken over into manifest and lock, at the versions it has.

Who is asked for goes to the lists with a lower bound, and where it came from to ``[sources]``. The versions
themselves go where versions belong: the lock is made as if an earlier one had held them, so that each stays
where it can.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from packaging.version import Version

from envctl.frozen import replace
from envctl.lock.entries import Entries, Package
from envctl.lock.freshness import preferences
from envctl.lock.lock import Lock
from envctl.manifest.bounds import LOWER
from envctl.manifest.edit import AddEntry, Edit, ListName, SetValue, find_entries, find_list
from envctl.manifest.edit import edit as edit_text
from envctl.manifest.initial import imported_manifest
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import select_environment
from envctl.model.events import Emit, Notice
from envctl.transaction.site import ADOPTED, read_number
from envctl.unchanged import MANIFEST, find_manifest
from envctl.workflow.adding import compare_entries
from envctl.workflow.context import Context, Place
from envctl.workflow.editing import ConfirmEdit, Desk, Revised, edit, edit_lock
from envctl.workflow.inputs import load_manifest, read_file
from envctl.workflow.prepare import Situation, resolve_path
from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report
from envctl.workflow.staleness import is_up_to_date
from envctl.workflow.taking import Taken, is_version, take


class Import:
    """One import: what is taken over, and the manifest that it goes to, which need not be there yet.

    Raises:
        InputError: `no-file`, `import-not-supported`; anything wrong with the manifest.
        MachineError: `not-an-environment`, `no-python`.
    """

    def __init__(
        self, context: Context, file: str, *, to: ListName | None = None, bounds: str = LOWER
    ) -> None:
        path = resolve_path(context, file) or ""
        known = find_manifest(context.directory, context.manifest)
        manifest = known or os.path.join(context.directory, MANIFEST)
        self._to = to
        self._new: bytes | None = None
        self._context = replace(context, manifest=manifest)
        self._taken = take(path, context, folder=os.path.dirname(manifest), bounds=bounds)
        if not os.path.isfile(manifest):
            self._new = _write_manifest(self._taken, os.path.dirname(manifest))
        edited = {} if self._new is None else {manifest: self._new}
        declaration = select_environment(
            load_manifest(self._context, edited or None).manifest, context.environment
        )
        self._place = Place(environment=declaration.path, manifest=manifest)

    @property
    def leaves(self) -> str | None:
        """The environment that was read, where it is the declared one and of others: left to `--adopt`."""
        path = self._place.environment
        is_same = self._taken.environment is not None and _is_same(self._taken.environment, path)
        return path if is_same and read_number(path) == ADOPTED else None

    def apply(self, options: PlanOptions, *, confirm: ConfirmEdit, lock_timeout: float) -> Report:
        """Take over, and go on as `apply`. Raises what `edit` does."""
        return edit(
            self._context,
            self._revise,
            options,
            confirm=confirm,
            lock_timeout=lock_timeout,
            place=self._place,
        )

    def lock(self, *, lock_timeout: float) -> Locked:
        """Take over into manifest and lock alone. Raises what `edit_lock` does."""
        return edit_lock(self._context, self._revise, lock_timeout=lock_timeout, place=self._place)

    def _revise(self, desk: Desk) -> Revised:
        manifest_path, taken = self._place.manifest, self._taken
        if self._new is None:
            known = desk.situation
            lists_in, old = known.manifest.lists_in, known.lock.lock
            fitted = is_up_to_date(known.manifest, old, known.direct)
            manifest: Manifest | None = known.manifest
            before = {path: read_file(path) for path in {manifest_path, lists_in}}
        else:
            lists_in, old, fitted, manifest = manifest_path, None, False, None
            before = {manifest_path: self._new}
        edits = _plan_edits(taken, manifest, before[lists_in], lists_in=lists_in, to=self._to)
        texts = dict(before)
        for path, several in ((manifest_path, edits[1]), (lists_in, edits[0])):
            texts[path] = edit_text(texts[path], several, path=path)
        with desk.as_if(texts) as (situation, files):
            lock = desk.make_lock(situation, _prefer(taken.versions, old, situation))
        _tell(desk.run.context.emit, taken, lock, situation)
        changes = [*compare_entries(lists_in, before[lists_in], texts[lists_in])]
        changes += _describe_values(manifest_path, edits[1])
        return Revised(situation=situation, lock=lock, fitted=fitted, edits=files, changes=tuple(changes))


def _write_manifest(taken: Taken, folder: str) -> bytes:
    """Write the manifest that there is before anything is added; it says where the environment lies."""
    path = None
    if taken.environment is not None and os.path.dirname(taken.environment) == folder:
        name = os.path.basename(taken.environment)
        path = name if name != ".venv" else None
    return imported_manifest(
        python=taken.python or ">=3.11", name=os.path.basename(folder), path=path
    ).encode()


def _plan_edits(
    taken: Taken, manifest: Manifest | None, lists: bytes, *, lists_in: str, to: ListName | None
) -> tuple[list[Edit], list[Edit]]:
    """Plan what comes into the file with the lists, and what into the manifest: what is there stays."""
    name = os.path.basename(lists_in)
    if to is None:
        # What an environment holds beside its project is no requirement of the project.
        to = ListName() if manifest is None or manifest.project is None else ListName(group="dev")
    listed = {entry.name for entry in find_entries(lists, name=name)}
    key = find_list(lists, to, name=name)
    entries: list[Edit] = [AddEntry(key, text) for project, text in taken.entries if project not in listed]
    known = () if manifest is None else manifest.sources
    values: list[Edit] = [
        SetValue(("sources", project), source)
        for project, source in taken.sources.items()
        if project not in known
    ]
    known_limits = () if manifest is None else tuple(map(str, manifest.lock.constraints))
    values += [
        AddEntry(("lock", "constraints"), text) for text in taken.constraints if text not in known_limits
    ]
    if manifest is not None and not manifest.pythons and taken.python is not None:
        values.insert(0, SetValue(("python",), taken.python))
    return entries, values


def _describe_values(path: str, edits: list[Edit]) -> Iterator[ManifestChange]:
    for each in edits:
        if isinstance(each, AddEntry):
            yield ManifestChange(path=path, by="constraints", before=None, after=each.text)
        if isinstance(each, SetValue):
            value = each.value
            if not isinstance(value, str):
                words = (f"{key} = {json.dumps(word)}" for key, word in value.items())
                value = f"{each.key[-1]} = {{ {', '.join(words)} }}"
            yield ManifestChange(path=path, by=str(each.key[0]), before=None, after=value)


def _prefer(versions: Mapping[str, str], old: Lock | None, situation: Situation) -> Lock:
    """Give the lock that an earlier run would have left, had it chosen these versions."""
    kept = [] if old is None else list(old.packages)
    same = [
        each for each in kept if versions.get(each.name, each.version) in {each.version, str(each.version)}
    ]
    names = {each.name for each in same}
    wanted = [
        Package(name=name, version=version)
        for name, version in versions.items()
        if name not in names and is_version(version)
    ]
    return Lock(
        path=situation.lock.path,
        data=b"",
        raw_digest="",
        digest=None if old is None else old.digest,
        targets=() if old is None else old.targets,
        pythons=() if old is None else old.pythons,
        entries=Entries(packages=[*wanted, *same]),  # type: ignore[list-item] # read alike by who prefers
    )


def _tell(emit: Emit, taken: Taken, lock: Lock, situation: Situation) -> None:
    """Say what was left out, and what could not stay at its version."""
    for notice in taken.notices:
        emit(notice)
    locked = preferences(lock, situation.target)
    for name, version in taken.versions.items():
        now = locked.get(name)
        if now is not None and is_version(version) and Version(now) != Version(version):
            message = f"`{name}` {version} cannot stay: the lock has {now}"
            hints = (f"`envctl why-not {name} {version}` says what keeps it away",)
            emit(Notice("warning", "version-not-kept", message, hints))


def _is_same(first: str, second: str) -> bool:
    return os.path.realpath(first) == os.path.realpath(second)
