"""Let a staged tree and the live one change places, whole.

=========================  =====================================================================
what is found              what is done
=========================  =====================================================================
no environment             rename the tree there; never onto something that appeared meanwhile
an environment             exchange both in one step
``ENOSYS`` (no exchange)   two renames: between them there is no environment, and the journal says so
``EXDEV``, ``EBUSY``       nothing: only a merge can do it (`envctl.transaction.merge`)
in use (Windows)           likewise
anything else              fail, nothing changed
=========================  =====================================================================

Which of them it was need not be remembered: see `envctl.transaction.journal`.
"""

from __future__ import annotations

import errno
import os

from envctl import atomic
from envctl.errors import BrokenError, SwitchError
from envctl.transaction.journal import Journal, place_of
from envctl.transaction.site import Site

#: Whether the exchange in one step may be tried. Tests turn it off, to have two renames.
exchange_allowed = True


# Of Windows: access denied, sharing violation, lock violation. Somebody has a file of the tree open.
_IN_USE = frozenset({5, 32, 33})


def is_in_use(error: OSError) -> bool:
    """Whether Windows refuses because somebody has the file, or one below, open."""
    return getattr(error, "winerror", None) in _IN_USE


def enter(site: Site, journal: Journal, *, may_merge: bool = False) -> bool:
    """Make the tree at the journal's source the live one; the leaving tree ends at its source or parked.

    False, when such a folder cannot be moved at all, and the caller may merge instead. Nothing has changed.

    Raises:
        SwitchError: `cannot-switch`, the environment is as it was.
        BrokenError: `switch-half-done`, when even going back failed; recovery will go on.
    """
    source = _source(site, journal)
    try:
        if journal.leaving is None:
            atomic.rename_new(source, site.path)
        elif not _exchange(source, site.path):
            _rename_twice(site, journal, source)
    except OSError as error:
        if may_merge and (error.errno in {errno.EXDEV, errno.EBUSY} or is_in_use(error)):
            return False
        raise _cannot(site, error) from error
    return True


def leave(site: Site, journal: Journal) -> None:
    """Undo `enter`. Raises `OSError`."""
    source = _source(site, journal)
    if journal.leaving is None:
        atomic.rename_new(site.path, source)
    elif os.path.lexists(source):
        atomic.exchange(source, site.path)
    else:
        atomic.rename_new(site.path, source)
        atomic.rename_new(_parked(site, journal), site.path)


def flush_parents(site: Site, journal: Journal) -> None:
    """Flush the directories whose entries a switch moves. Raises `OSError`."""
    atomic.flush_directory(os.path.dirname(site.path))
    folders = {os.path.dirname(_source(site, journal))}
    # An exchange parks what left later, and flushes that then.
    if journal.parked is not None and os.path.lexists(_parked(site, journal)):
        folders.add(os.path.dirname(_parked(site, journal)))
    for folder in sorted(folders):
        if os.path.isdir(folder):
            atomic.flush_directory(folder)


def _source(site: Site, journal: Journal) -> str:
    assert journal.source is not None  # noqa: S101 - whoever replaces files only does not switch
    return place_of(site, journal.source)


def _parked(site: Site, journal: Journal) -> str:
    assert journal.parked is not None  # noqa: S101 - a tree that leaves has a place to go to
    return place_of(site, journal.parked)


def _exchange(first: str, second: str) -> bool:
    if not exchange_allowed:
        return False
    try:
        atomic.exchange(first, second)
    except OSError as error:
        if error.errno == errno.ENOSYS:
            return False
        raise
    return True


def _rename_twice(site: Site, journal: Journal, source: str) -> None:
    parked = _parked(site, journal)
    atomic.rename_new(site.path, parked)
    try:
        atomic.rename_new(source, site.path)
    except OSError as error:
        try:
            atomic.rename_new(parked, site.path)
        except OSError:
            raise BrokenError(
                "switch-half-done",
                f"`{site.path}` was moved away, and neither its successor nor itself could be moved there",
                where=site.path,
                hints=("the next command that writes, such as `envctl apply`, goes on from here",),
            ) from error
        raise


def _cannot(site: Site, error: OSError) -> SwitchError:
    hints: tuple[str, ...] = ()
    if error.errno in {errno.EXDEV, errno.EBUSY}:
        # A lower layer of an overlay, a mount point that the table did not show.
        hints = (
            "the file system cannot move this folder, as in a container whose image holds it",
            "leave `[install] switch` out, and it is changed file by file",
        )
    return SwitchError(
        "cannot-switch",
        f"`{site.path}` could not change places with its successor: {error.strerror or error}",
        where=site.path,
        hints=hints,
    )
