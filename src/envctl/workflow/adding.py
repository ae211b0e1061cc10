"""``envctl add`` and ``envctl remove``: entries of the manifest's lists, with all that follows from them.

An entry without bounds gets them from what is chosen: it is resolved as it was given, bounds are written, and
with these all is resolved once more, which moves nothing and makes the lock that fits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from packaging.requirements import InvalidRequirement, Requirement

from envctl.errors import UsageError, raise_together
from envctl.frozen import dataclass
from envctl.manifest.bounds import LOWER, NONE
from envctl.manifest.edit import (
    AddEntry,
    Edit,
    Entry,
    ListName,
    RemoveEntry,
    SetText,
    find_entries,
    find_list,
    replace_entries,
)
from envctl.manifest.edit import edit as edit_text
from envctl.manifest.near import suggest
from envctl.model.names import normalise
from envctl.workflow.context import Context
from envctl.workflow.editing import ConfirmEdit, Desk, Revise, Revised, edit, edit_lock
from envctl.workflow.inputs import read_file
from envctl.workflow.results import Locked, ManifestChange, PlanOptions, Report
from envctl.workflow.staleness import is_up_to_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """Requirements as they were typed, the list they go to, and how those without bounds get some."""

    requirements: tuple[str, ...]
    to: ListName = ListName()
    bounds: str = LOWER


@dataclass(frozen=True, slots=True, kw_only=True)
class Removals:
    """Names (normalised), and the list they go from; None for the one in which they are."""

    names: tuple[str, ...]
    out_of: ListName | None = None


def revise(wishes: Additions | Removals) -> Revise:
    """Make the revision that adds or removes entries.

    It raises UsageError: `bad-requirement`, `several-entries`, `not-listed`, and what resolving raises.
    """
    return partial(_add, wishes) if isinstance(wishes, Additions) else partial(_remove, wishes)


def change(
    context: Context,
    wishes: Additions | Removals,
    options: PlanOptions,
    *,
    confirm: ConfirmEdit,
    lock_timeout: float,
) -> Report:
    """Change entries, and go on as `apply`. Raises what `revise` and `edit` do."""
    return edit(context, revise(wishes), options, confirm=confirm, lock_timeout=lock_timeout)


def change_lock(context: Context, wishes: Additions | Removals, *, lock_timeout: float) -> Locked:
    """Change entries and the lock alone; the environment stays. Raises what `change` does."""
    return edit_lock(context, revise(wishes), lock_timeout=lock_timeout)


def compare_entries(path: str, before: bytes, after: bytes) -> Iterator[ManifestChange]:
    """Say what became of the entries of a file: pairs of one list and project, in the order of the lists."""
    name = os.path.basename(path)
    old, new = (find_entries(data, name=name) for data in (before, after))
    gone = [entry for entry in old if not _is_in(entry, new)]
    for entry in new:
        if _is_in(entry, old):
            continue
        was = next((each for each in gone if (each.by, each.name) == (entry.by, entry.name)), None)
        if was is not None:
            gone.remove(was)
        yield ManifestChange(
            path=path, by=entry.by, before=None if was is None else was.text, after=entry.text
        )
    for entry in gone:
        yield ManifestChange(path=path, by=entry.by, before=entry.text, after=None)


def _is_in(entry: Entry, entries: Iterable[Entry]) -> bool:
    return any((each.by, each.text) == (entry.by, entry.text) for each in entries)


def _add(wishes: Additions, desk: Desk) -> Revised:
    manifest, old = desk.situation.manifest, desk.situation.lock.lock
    fitted = is_up_to_date(manifest, old, desk.situation.direct)
    path = manifest.lists_in
    name, before = os.path.basename(path), read_file(path)
    by = wishes.to.by(name)
    there = [entry for entry in find_entries(before, name=name) if entry.by == by]
    asked = _parse_all(wishes.requirements)
    edits = [_plan_entry(text, there, find_list(before, wishes.to, name=name)) for text in asked]
    text = edit_text(before, [each for each in edits if each is not None], path=path)
    with desk.as_if({path: text}) as (situation, files):
        lock = desk.make_lock(situation, old)
    names = {normalise(each.name) for each in asked.values()}
    free = [
        entry
        for entry in find_entries(text, name=name)
        if entry.by == by and entry.name in names and _is_free(entry.text)
    ]
    if wishes.bounds != NONE and free:
        text = replace_entries(text, desk.bind(free, lock, wishes.bounds), path=path)
        with desk.as_if({path: text}) as (situation, files):
            lock = desk.make_lock(situation, lock)
    changes = tuple(compare_entries(path, before, text))
    return Revised(situation=situation, lock=lock, fitted=fitted, edits=files, changes=changes)


def _parse_all(texts: Sequence[str]) -> Mapping[str, Requirement]:
    """Parse what was typed, by its text.

    Raises:
        UsageError: `bad-requirement`, all that are none together.
    """
    asked: dict[str, Requirement] = {}
    errors = []
    for text in texts:
        try:
            asked[text.strip()] = Requirement(text)
        except InvalidRequirement as error:
            looks_like_path = "/" in text or os.sep in text or text.endswith((".whl", ".gz", ".zip"))
            hint = "`flask`, `flask>=3`, `flask[async]>=3; sys_platform == 'linux'`"
            if looks_like_path:
                hint = "name it, and say in `[sources]` of the manifest where it comes from"
            reason = str(error).partition("\n")[0]
            errors.append(
                UsageError("bad-requirement", f"`{text}` is no requirement: {reason}", hints=[hint])
            )
    raise_together(errors)
    return asked


def _plan_entry(text: str, there: Sequence[Entry], key: tuple[str | int, ...]) -> Edit | None:
    """Plan how a requirement comes into a list: into the entry that is there, if one is; None for no change.

    Raises:
        UsageError: `several-entries` when it cannot be known which is meant.
    """
    asked = Requirement(text)
    same = [entry for entry in there if entry.name == normalise(asked.name)]
    if asked.marker is not None:
        same = [entry for entry in same if Requirement(entry.text).marker in {None, asked.marker}]
    if not same:
        return AddEntry(key, text)
    if len(same) > 1:
        texts = ", ".join(f"`{each.text}`" for each in same)
        raise UsageError(
            "several-entries",
            f"`{asked.name}` stands several times in {same[0].by}: {texts}",
            hints=["give the marker of the one that is meant, or edit the file by hand"],
        )
    merged = _merge(same[0].text, asked)
    return None if Requirement(merged) == Requirement(same[0].text) else SetText(same[0].key, merged)


def _merge(text: str, asked: Requirement) -> str:
    """Write an entry anew: what was given counts, the rest stays, extras come together."""
    known = Requirement(text)
    extras = ",".join(sorted(known.extras | asked.extras))
    marker = asked.marker or known.marker
    url = asked.url or (known.url if not asked.specifier else None)
    bounds = f" @ {url}" if url else str(asked.specifier or known.specifier)
    name = f"{known.name}[{extras}]" if extras else known.name
    return name + bounds + (f"{' ' if url else ''}; {marker}" if marker else "")


def _is_free(text: str) -> bool:
    requirement = Requirement(text)
    return not requirement.specifier and not requirement.url


def _remove(wishes: Removals, desk: Desk) -> Revised:
    manifest, old = desk.situation.manifest, desk.situation.lock.lock
    fitted = is_up_to_date(manifest, old, desk.situation.direct)
    path = manifest.lists_in
    name, before = os.path.basename(path), read_file(path)
    entries = find_entries(before, name=name)
    chosen = None if wishes.out_of is None else wishes.out_of.by(name)
    errors: list[UsageError] = []
    gone: list[Entry] = []
    for each in wishes.names:
        try:
            gone += _choose_entries(each, entries, chosen, home=name)
        except UsageError as error:
            errors.append(error)
    raise_together(errors)
    text = edit_text(before, [RemoveEntry(entry.key) for entry in gone], path=path)
    with desk.as_if({path: text}) as (situation, files):
        lock = desk.make_lock(situation, old)
    changes = tuple(compare_entries(path, before, text))
    return Revised(situation=situation, lock=lock, fitted=fitted, edits=files, changes=changes)


def _choose_entries(name: str, entries: Sequence[Entry], chosen: str | None, *, home: str) -> Sequence[Entry]:
    """Choose the entries of a project to be removed: of one list.

    Raises:
        UsageError: `not-listed`, `several-lists`.
    """
    found = [entry for entry in entries if entry.name == name]
    lists = list(dict.fromkeys(entry.by for entry in found))
    if chosen is None and len(lists) > 1 and home not in lists:
        raise UsageError(
            "several-lists",
            f"`{name}` stands in {' and in '.join(lists)}",
            hints=["`--group` or `--extra` says which is meant"],
        )
    wanted = chosen or (home if home in lists else next(iter(lists), home))
    of_it = [entry for entry in found if entry.by == wanted]
    if not of_it:
        hints = (
            [f"it stands in {', '.join(lists)}"] if lists else suggest(name, {each.name for each in entries})
        )
        raise UsageError("not-listed", f"`{name}` does not stand in {wanted}", hints=hints)
    return of_it
