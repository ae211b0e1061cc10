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
from envctl.transaction.files import Replaced, forget, prepare, replace_all, undo_replacements
from envctl.transaction.history import add_lines
from envctl.transaction.journal import Journal, drop_journal, place_of, write_journal
from envctl.transaction.shield import Shield
from envctl.transaction.site import Site, read_number
from envctl.transaction.switch import enter, flush_parents, leave


def commit(
    site: Site, journal: Journal, *, shield: Shield, emit: Emit, settle: Callable[[], None] | None = None
) -> None:
    """Do what ``journal`` says, or nothing of it. The lock is held, and ``shield`` is up.

    ``settle`` brings a staged tree onto the disk, and with it, where one call flushes all, the journal. An
    interrupt that came before the exchange has its effect here; later ones have none.

    Raises:
        SwitchError: `cannot-switch`, `cannot-write`: all is as it was.
        BrokenError: `switch-half-done`, `cannot-undo`: the journal stays, and recovery goes on.
    """
    _begin(site, journal, shield, settle)
    done: list[Replaced] = []
    try:
        if journal.source is not None:
            _enter(site, journal)
            flush_parents(site, journal)
        notices = replace_all(journal.planned, done)
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


def _enter(site: Site, journal: Journal) -> None:
    try:
        enter(site, journal)
    except SwitchError:
        abandon(site, journal)
        raise


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
        if journal.source is not None:
            leave(site, journal)
            flush_parents(site, journal)
        forget(journal.planned)
        drop_journal(site)
    except OSError as error:
        raise BrokenError(
            "cannot-undo",
            f"a file could not be replaced, nor could the switch be undone: {error.strerror or error}",
            where=site.path,
            hints=("`envctl status` says what is there", "the next command that writes goes on from here"),
        ) from error


def finish(site: Site, journal: Journal) -> None:
    """Put everything away after a switch. May be called again after it was interrupted. Raises `OSError`."""
    if journal.source is not None:
        park(site, journal)
    add_lines(site, journal.history)
    drop_journal(site)


def park(site: Site, journal: Journal) -> None:
    """Keep the tree that left under its number, if an exchange put it where its successor was."""
    source = place_of(site, journal.source or "")
    if journal.parked is None or read_number(source) != journal.leaving:
        return
    parked = place_of(site, journal.parked)
    if not os.path.lexists(parked):
        atomic.rename_new(source, parked)
        atomic.flush_directory(site.generations)
