"""Finish or undo what a killed run began, by looking at what is there.

=================================  ========================================================
the live tree says it is           then
=================================  ========================================================
(a merge that has begun)           it is neither: do all steps again, then as in the next line
the one that was to enter          the switch happened: replace the files, put all away
nothing, for there is none         between two renames: do the second
anything else                      the switch did not happen: forget it
=================================  ========================================================

May itself be killed, and repeated.
"""

from __future__ import annotations

import os

from envctl import atomic
from envctl.environment.identity import GENERATION
from envctl.errors import BrokenError, MachineError
from envctl.model.events import Emit, Notice
from envctl.transaction.commit import finish, park
from envctl.transaction.files import forget, replace_all
from envctl.transaction.journal import NOTHING, Journal, Merge, drop_journal, place_of, read_journal
from envctl.transaction.lent import give_back, is_lent
from envctl.transaction.lock import find_holder
from envctl.transaction.merge import put_away, run_steps
from envctl.transaction.site import ADOPTED, Site, read_number
from envctl.transaction.switch import flush_parents
from envctl.transaction.trash import discard

_UNTOUCHED = "removed what a run that was killed had begun; the environment was not touched by it"


def recover(site: Site, emit: Emit) -> str | None:
    """Finish or undo what a killed run left; the lock is held. What was done is told, and returned.

    Raises:
        BrokenError: `journal-damaged`; `cannot-recover` when the file system refuses.
    """
    try:
        lent = give_back(site)
        journal = read_journal(site)
        notices: list[Notice] = []
        message = None if journal is None else _settle(site, journal, notices)
        if lent is not None and message is None:
            message = f"gave `{lent}` its text back, which a run that was killed had changed to build from it"
        if _remove_leftovers(site) and message is None:
            message = _UNTOUCHED
    except OSError as error:
        raise BrokenError(
            "cannot-recover",
            f"what a run that was killed left cannot be put right: {error.strerror or error}",
            where=error.filename or site.folder,
            hints=("make room, or permit writing there, and run the same command again",),
        ) from error
    if message is not None:
        emit(Notice("warning", "recovered", message))
    for notice in notices:
        emit(notice)
    return message


def pending(site: Site) -> str | None:
    """Say what a run that was killed, or one that is at work, left to be done; None for nothing.

    For commands that only read: nothing is changed, no lock is taken.
    """
    holder = find_holder(site.lock)
    if holder is not None:
        return f"another run{f' (process {holder})' if holder else ''} is at work on it"
    try:
        journal = read_journal(site)
        if journal is not None and journal.merge is not None:
            return (
                "a run was killed while it changed the environment file by file, so it is between the old "
                "one and the new one; the next command that writes completes that"
            )
        if journal is not None:
            return "a run was killed while it switched; the next command that writes finishes or undoes that"
    except (MachineError, OSError) as error:
        return str(error)
    if is_lent(site):
        return "a run was killed while it built; the next command that writes undoes what it changed for that"
    if _list(site.staging):
        return "a run was killed while it staged; the next command that writes removes what it left"
    return None


def _settle(site: Site, journal: Journal, notices: list[Notice]) -> str:
    if journal == NOTHING:
        drop_journal(site)
        return _UNTOUCHED
    if journal.source is None:
        notices += replace_all(journal.planned, [])
        finish(site, journal)
        return "completed what a run that was killed was writing"
    source = place_of(site, journal.source)
    live = read_number(site.path)
    if journal.merge is not None:
        return _settle_merge(site, journal, journal.merge, notices)
    if live is None and journal.leaving is not None and _second_rename(site, journal, source):
        live = journal.entering
    if live == journal.entering:
        flush_parents(site, journal)
        notices += replace_all(journal.planned, [])
        finish(site, journal)
        return f"completed the switch to generation {journal.entering} that a run that was killed had begun"
    if live != journal.leaving:
        # Somebody put another environment there meanwhile. What was ours is kept all the same.
        park(site, journal)
    forget(journal.planned)
    drop_journal(site)
    return f"undid the switch to generation {journal.entering} that a run that was killed had begun"


def _settle_merge(site: Site, journal: Journal, merge: Merge, notices: list[Notice]) -> str:
    if journal.history:
        what = f"the change to generation {journal.entering} that a run that was killed had begun"
    else:
        what = f"undoing the change to generation {journal.leaving}, which a run that was killed had begun"
    live = read_number(site.path)
    known = {ADOPTED if each is None else each for each in (journal.leaving, journal.entering)}
    there = os.path.isdir(place_of(site, merge.source))
    if live in known and (there or live == journal.entering):
        if there:  # else the steps were done, and it was thrown away already
            run_steps(site, merge)
        notices += replace_all(journal.planned, [])
        finish(site, journal)
        return f"completed {what}, file by file"
    # Somebody removed the environment or put another one there, or the first step was never taken.
    put_away(site, journal)
    forget(journal.planned)
    drop_journal(site, durable=True)
    return f"gave up {what}"


def _second_rename(site: Site, journal: Journal, source: str) -> bool:
    parked = place_of(site, journal.parked or "")
    if read_number(parked) != journal.leaving:
        return False
    entering = read_number(source) == journal.entering
    atomic.rename_new(source if entering else parked, site.path)
    return entering


def _remove_leftovers(site: Site) -> bool:
    """Move what is staged to the trash, and remove half-written files; whether there was anything staged."""
    staged = _list(site.staging)
    for name in staged:
        discard(site, f"{site.staging}/{name}")
    for folder in (site.folder, os.path.dirname(os.path.join(site.path, GENERATION))):
        for name in _list(folder):
            if name.endswith(".tmp"):
                atomic.remove(f"{folder}/{name}")
    return bool(staged)


def _list(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
