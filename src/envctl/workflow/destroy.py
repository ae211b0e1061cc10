"""``envctl destroy``: the environment and its generations deleted, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable

from envctl.environment.scan import scan
from envctl.errors import CancelledError, MachineError
from envctl.model.state import Owner
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.transaction.generations import kept_numbers, read_record
from envctl.transaction.site import Site, locate
from envctl.workflow.context import Context
from envctl.workflow.goals import find_place
from envctl.workflow.holding import hold_site
from envctl.workflow.keys import BYTECODE, WHEELS
from envctl.workflow.list import no_environment
from envctl.workflow.look import refuse_others
from envctl.workflow.results import PlanOptions


def destroy(context: Context, *, confirm: Callable[[str], bool], lock_timeout: float) -> str:
    """Delete the environment and its ``.envctl`` folder; returns the environment's path.

    ``confirm`` is asked with that path.

    Raises:
        MachineError: `no-environment`; `not-ours` for one that envctl did not make; CancelledError.
    """
    place = find_place(context)
    path = place.environment
    state = scan(path)
    if state.owner is Owner.NOBODY and not os.path.isdir(locate(path).folder):
        raise no_environment(path)
    refuse_others(state, adopt=PlanOptions().adopt)
    if not confirm(path):
        raise CancelledError("cancelled", "nothing was deleted")
    with hold_site(context, place, lock_timeout=lock_timeout) as held:
        held.destroy(entries=_find_laid(Store(context.settings.cache_dir), held.site))
    return path


def _find_laid(store: Store, site: Site) -> list[Entry]:
    """Find the entries of the store that an environment and its generations were laid from.

    Deleting their links would make suspects of all their files, which the next apply would have to hash.
    """
    trees = (site.path, *map(site.generation, kept_numbers(site)))
    origins = {
        each.origin
        for tree in trees
        if (record := read_record(tree)) is not None
        for each in record.distributions.values()
    }
    keys = {origin.partition(":")[2] for origin in origins if origin is not None}
    try:
        return store.find_related({key for key in keys if key.isalnum()}, {WHEELS: None, BYTECODE: "wheel"})
    except MachineError:
        return []  # a cache that is not ours: nothing was laid from it
