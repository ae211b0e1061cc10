"""An environment is held, and what is done to it is done whole or not at all.

::

    with open_site(Site(path), emit=emit, lock_timeout=60) as held:
        …                                   # scan, plan, ask: nobody else writes meanwhile
        number = held.apply(blueprint, store=store)

What a killed run left is finished or undone when the site is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from envctl import atomic
from envctl.model.events import Emit
from envctl.store.entry import Entry
from envctl.transaction.destroy import remove_place
from envctl.transaction.generations import live_number
from envctl.transaction.held import Held
from envctl.transaction.lock import hold
from envctl.transaction.recover import recover
from envctl.transaction.shield import Shield
from envctl.transaction.site import ADOPTED, Site, refuse
from envctl.transaction.trash import empty

_GITIGNORE = b"*\n"


@contextmanager
def open_site(site: Site, *, emit: Emit, lock_timeout: float, detach: bool = False) -> Iterator[Held]:
    """Hold an environment: refuse what must not be touched, take the lock, put right what a killed run left.

    At the end the trash is emptied, by a process of its own if ``detach``. A folder that nothing needed
    is removed again.

    Raises:
        MachineError: what `refuse` raises, before anything was written.
        BusyError: `locked` after ``lock_timeout`` seconds.
        BrokenError: what `recover` raises.
    """
    refuse(site)
    linked: list[Entry] = []
    with hold(site.lock, timeout=lock_timeout, emit=emit):
        try:
            _furnish(site)
            recovered = recover(site, emit)
            refuse(site)
            yield Held(site, emit, recovered, linked)
        finally:
            with Shield():
                empty(site, detach=detach, entries=linked)
                _remove_unneeded(site)


def _furnish(site: Site) -> None:
    """Make what the folder holds, and have git ignore it, whatever the project's ``.gitignore`` says."""
    try:
        for folder in (site.generations, site.staging):
            if not os.path.isdir(folder):
                atomic.make_directory(folder)
        if not os.path.exists(f"{site.folder}/.gitignore"):
            atomic.write(f"{site.folder}/.gitignore", _GITIGNORE)
    except OSError:
        pass  # on a full disk destroying still works; whoever needs the folders finds out


def _remove_unneeded(site: Site) -> None:
    """Remove the folder if it says nothing: no environment of ours, no generation, nothing to recover."""
    try:
        # What others made and we have not taken over needs no folder either.
        if live_number(site) not in {None, ADOPTED}:
            return
        for folder in (site.staging, site.generations, site.trash):
            if os.path.isdir(folder):
                atomic.remove_directory(folder)
        if set(os.listdir(site.folder)) <= {".gitignore", os.path.basename(site.lock)}:
            atomic.remove(f"{site.folder}/.gitignore")
            # Last, and still held: who waits for it notices that it is gone, and starts again.
            atomic.remove(site.lock)
            atomic.remove_directory(site.folder)
            remove_place(site)
    except OSError:
        pass
