"""The switch from beginning to end: journal, exchange, the files that go with it, and what remains.

What fails before the exchange leaves all as it was. What fails between the exchange and the last
replaced file is taken back. What fails after that is housekeeping, which the next command repeats.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from envctl import atomic
from envctl.errors import BrokenError, SwitchError
from envctl.model.events import Emit, Notice
from envctl.transaction.choice import Way
from envctl.transaction.files import Replaced, forget, prepare, replace_all, undo_replacements
from envctl.transaction.history import add_lines
from envctl.transaction.journal import Journal, drop_journal, place_of, write_journal
from envctl.transaction.merge import Terms, begin_merge, put_away, run_steps, turn_back
from envctl.transaction.shield import Shield
from envctl.transaction.site import Site, read_number
from envctl.transaction.switch import enter, flush_parents, leave


def commit(
    site: Site,
    journal: Journal,
    *,
    shield: Shield,
    emit: Emit,
    settle: Callable[[], None] | None = None,
    way: Way | None = None,
    terms: Terms | None = None,
) -> bool:
    """Do what ``journal`` says, or nothing of it; returns whether it was a merge.

    The lock is held, and ``shield`` is up.

    ``way`` says how to switch; with ``terms`` that may be a merge, or become one. ``settle`` brings a staged
    tree onto the disk, and with it, where one call flushes all, the journal. An interrupt that came before
    the switch has its effect here; later ones have none.

    Raises:
        SwitchError: `cannot-switch`, `cannot-write`: all is as it was.
        BrokenError: `switch-half-done`, `cannot-undo`: the journal stays, and recovery goes on.
    """
    _begin(site, journal, shield, settle)
    done: list[Replaced] = []
    notices: list[Notice] = []
    if journal.source is not None:
        journal = _enter(site, journal, way or Way(), terms, shield)
        if journal.merge is not None and not (way and way.merge):
            notices.append(_tell_merge(site))
    try:
        if journal.source is not None and journal.merge is None:
            flush_parents(site, journal)
        notices += replace_all(journal.planned, done)
    except OSError as error:
        _take_back(site, journal, done)
        raise _not_written(site, journal, error) from error
    try:
        finish(site, journal)
    except OSError as error:
        notices.append(
            Notice(
                "warning",
                "unfinished",
                f"the switch is done, but `{site.folder}` could not be tidied: {error.strerror or error}",
                ("the next command that writes does it",),
            )
        )
    for notice in notices:
        emit(notice)
    return journal.merge is not None


def _begin(site: Site, journal: Journal, shield: Shield, settle: Callable[[], None] | None) -> None:
    try:
        write_journal(site, journal, durable=settle is None or not atomic.FLUSHES_ALL)
        prepare(journal.planned)
        if settle is not None:
            settle()
        shield.check()
    except OSError as error:
        abandon(site, journal)
        raise _not_written(site, journal, error) from error
    except BaseException:
        abandon(site, journal)
        raise


def _enter(site: Site, journal: Journal, way: Way, terms: Terms | None, shield: Shield) -> Journal:
    """Let the new tree become the live one; returns the journal as it is on the disk now."""
    try:
        if not way.merge and enter(site, journal, may_merge=way.may_merge and terms is not None):
            return journal
        assert terms is not None  # noqa: S101 - who says that it is a merge says how
        journal = begin_merge(site, journal, terms, check=shield.check)
    except SwitchError:
        abandon(site, journal)
        raise
    except OSError as error:
        abandon(site, journal)
        raise _not_merged(site, error) from error
    except BaseException:
        abandon(site, journal)
        raise
    try:
        _run_twice(site, journal)
    except OSError as error:
        _take_back(site, journal, [])
        raise _not_merged(site, error) from error
    return journal


def _run_twice(site: Site, journal: Journal) -> None:
    """Do the steps of a merge; what fails once need not fail again, and forward is the shorter way."""
    assert journal.merge is not None  # noqa: S101 - it has just begun
    try:
        run_steps(site, journal.merge)
    except OSError:
        run_steps(site, journal.merge)


def _not_merged(site: Site, error: OSError) -> SwitchError:
    return SwitchError(
        "cannot-switch",
        f"`{site.path}` could not be changed file by file, and is as it was: {error.strerror or error}",
        where=error.filename if isinstance(error.filename, str) else site.path,
        hints=("look at the owner, the permissions and the room of its folder",),
    )


def _tell_merge(site: Site) -> Notice:
    return Notice(
        "info",
        "merged",
        f"`{site.path}` cannot change places with another folder here; it was changed file by file",
        ('`[install] switch = "merge"` in the manifest does not try the other way first',),
    )


def _not_written(site: Site, journal: Journal, error: OSError) -> SwitchError:
    # New texts are written beside their files; nobody knows those names, nor are they there any more.
    meant = {each.temporary: each.replacement.path for each in journal.planned}
    name = error.filename if isinstance(error.filename, str) else site.folder
    path = site.folder if name.startswith(f"{site.folder}/") else meant.get(name, name)
    return SwitchError(
        "cannot-write",
        f"`{path}` could not be written: {error.strerror or error}; everything is as it was",
        where=path,
        hints=("look at the owner, the permissions and the room of its folder",),
    )


def abandon(site: Site, journal: Journal) -> None:
    """Forget a switch that has not happened, as far as the file system lets us: recovery does the rest."""
    try:
        forget(journal.planned)
        drop_journal(site)
    except OSError:
        pass


def _take_back(site: Site, journal: Journal, done: list[Replaced]) -> None:
    try:
        undo_replacements(done)
        if journal.merge is not None:
            forget(journal.planned)
            journal = turn_back(site, journal)
            put_away(site, journal)
        elif journal.source is not None:
            leave(site, journal)
            flush_parents(site, journal)
        forget(journal.planned)
        drop_journal(site, durable=journal.merge is not None)
    except OSError as error:
        raise BrokenError(
            "cannot-undo",
            f"a file could not be replaced, nor could the switch be undone: {error.strerror or error}",
            where=site.path,
            hints=("`envctl status` says what is there", "the next command that writes goes on from here"),
        ) from error


def finish(site: Site, journal: Journal) -> None:
    """Put everything away after a switch. May be called again after it was interrupted. Raises `OSError`."""
    if journal.merge is not None:
        put_away(site, journal)
    elif journal.source is not None:
        park(site, journal)
    add_lines(site, journal.history)
    drop_journal(site, durable=journal.merge is not None)


def park(site: Site, journal: Journal) -> None:
    """Keep the tree that left under its number, if an exchange put it where its successor was."""
    source = place_of(site, journal.source or "")
    if journal.parked is None or read_number(source) != journal.leaving:
        return
    parked = place_of(site, journal.parked)
    if not os.path.lexists(parked):
        atomic.rename_new(source, parked)
        atomic.flush_directory(site.generations)
