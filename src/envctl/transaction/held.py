"""What can be done to an environment while its lock is held: apply, roll back, replace files, destroy.

Up to the switch, everything that fails or is interrupted leaves the environment as it was; after it, the
run ends as if not interrupted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from envctl import atomic
from envctl.environment.bare import DIRECTORY, BareItem, bare
from envctl.environment.identity import GenerationRecord
from envctl.environment.layout import choose_layout
from envctl.errors import BrokenError, EnvctlError, MachineError, SwitchError
from envctl.frozen import dataclass, field
from envctl.model.events import Emit, Ended, Notice, Phase, Started
from envctl.receipt import RACY_NS, RECEIPT, settle
from envctl.store.entry import Entry
from envctl.store.store import Store
from envctl.transaction.arrange import Laid, arrange
from envctl.transaction.blueprint import Blueprint, Replacement
from envctl.transaction.carry import catch_up, find_fresh
from envctl.transaction.choice import AUTO, Way, choose_way
from envctl.transaction.commit import commit
from envctl.transaction.destroy import destroy
from envctl.transaction.draft import Draft, own_paths
from envctl.transaction.files import plan_replacements
from envctl.transaction.generations import (
    choose_rollback,
    compare_packages,
    describe,
    describe_adopted,
    describe_edits,
    live_number,
    make_room,
    next_number,
    read_distributions,
    refuse_damaged,
    trim,
)
from envctl.transaction.history import Event, format_event
from envctl.transaction.journal import Journal
from envctl.transaction.merge import Terms, choose_everything, choose_gone
from envctl.transaction.shield import Shield
from envctl.transaction.site import ADOPTED, Site, refuse, refuse_mounted
from envctl.transaction.space import require_space
from envctl.transaction.stage import Staged, stage
from envctl.transaction.trash import remove_now

#: Earlier generations that are kept unless the manifest says otherwise.
KEEP = 3


@dataclass(frozen=True, slots=True)
class Applied:
    """The generation that was made, and what it was laid from that the store cannot vouch for yet."""

    number: int
    unsettled: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """An environment whose lock is held. ``recovered`` says what a killed run had left, for people."""

    site: Site
    emit: Emit
    recovered: str | None = None
    _linked: list[Entry] = field(default_factory=list)

    def apply(
        self,
        blueprint: Blueprint,
        *,
        store: Store,
        environ: Mapping[str, str],
        keep: int = KEEP,
        guard: Callable[[], None] | None = None,
    ) -> Applied:
        """Make the next generation and let it change places with the live one.

        ``environ`` is for making a bare environment; ``guard`` is the caller's last look, before anything.

        Raises:
            StaleError: what ``guard`` raises.
            MachineError: `file-conflict`, `no-space`, `cannot-exchange`, what `refuse` raises: nothing was
                staged.
            SwitchError: staging or switching failed; the environment is as it was.
            BrokenError: it failed and could not be undone.
        """
        if guard is not None:
            guard()
        refuse(self.site)
        way = choose_way(self.site, blueprint.switch)
        draft = self._draft(blueprint, store, environ, way)
        with self._or_abandon(draft):
            staged = stage(draft, store=store, emit=self.emit)
            journal = self._plan_switch(draft, staged.record)
            choose = partial(choose_gone, self.site.path, pruned=blueprint.pruned, carried=blueprint.carry)
            self.emit(Started(Phase.SWITCH))
            with Shield() as shield:
                self._make_room(journal.leaving)
                merged = commit(
                    self.site,
                    journal,
                    shield=shield,
                    emit=self.emit,
                    settle=partial(_settle, draft, staged),
                    way=way,
                    # What others made is always kept.
                    terms=Terms(
                        choose_gone=choose,
                        whole=journal.leaving is not None and (keep > 0 or journal.leaving == ADOPTED),
                    ),
                )
                if not merged:
                    self._carry_late(draft, staged, journal.leaving)
                self._trim(keep)
        self._linked.extend(entry for each in draft.laid for entry in each.placed.entries)
        self.emit(Ended(Phase.SWITCH, f"Switched to generation {draft.number}"))
        return Applied(draft.number, staged.unsettled)

    def rollback(self, number: int | None = None, *, switch: str = AUTO) -> int:
        """Let an earlier generation change places with the live one, as it was; returns its number.

        Without a number, the one that was live before. The lock and the manifest stay. ``switch`` is
        ``auto``, ``exchange`` or ``merge``.

        Raises:
            MachineError: `no-such-generation`, `generation-damaged`, `cannot-exchange`, what `refuse` raises.
            SwitchError, BrokenError: as `apply`.
        """
        refuse(self.site)
        site = self.site
        chosen = choose_rollback(site, number)
        refuse_damaged(site, chosen)
        edits = describe_edits(site, chosen)
        if edits:
            message = f"generation {chosen} is not as envctl made it: {edits}"
            self.emit(Notice("warning", "generation-edited", message, ("`envctl plan` shows what follows",)))
        way = choose_way(site, switch)
        leaving = live_number(site)
        event = describe(site, chosen, command="rollback")
        with Shield() as shield:
            self._make_room(leaving)
            journal = Journal(
                leaving=leaving,
                entering=chosen,
                source=os.path.relpath(site.generation(chosen), site.folder),
                parked=_parked(leaving),
                history=(format_event(event),),
            )
            terms = Terms(choose_gone=choose_everything, whole=leaving is not None)
            commit(site, journal, shield=shield, emit=self.emit, way=way, terms=terms)
        return chosen

    def trim(self, keep: int) -> None:
        """Move earlier generations beyond the ``keep`` latest to the trash: the manifest may say less now."""
        with Shield():
            self._trim(keep)

    def replace_files(self, replacements: Sequence[Replacement]) -> None:
        """Replace files without touching the environment: all of them, or none.

        Raises:
            SwitchError: `cannot-write`: all are as they were.
            BrokenError: `cannot-undo`.
        """
        journal = Journal(planned=plan_replacements(replacements))
        with Shield() as shield:
            commit(self.site, journal, shield=shield, emit=self.emit)

    def destroy(self, *, entries: Sequence[Entry] = ()) -> None:
        """Delete the environment and its ``.envctl`` folder with all generations, and nothing else.

        ``entries`` are those of the store that they are likely to hold links to (see `examine.claim`).

        Raises:
            MachineError: what `refuse` raises; `mounted` when something is mounted in the environment;
                `not-deleted` when the file system refuses to begin.
            BrokenError: `not-deleted` when it refuses to go on: the environment is gone, not all of its room.
        """
        refuse(self.site)
        try:
            destroy(self.site, entries)
        except OSError as error:
            refusal = MachineError if os.path.lexists(self.site.path) else BrokenError
            raise refusal(
                "not-deleted",
                f"`{error.filename or self.site.path}` could not be deleted: {error.strerror or error}",
                where=self.site.path,
                hints=("run the same command again: it goes on from there",),
            ) from error

    def _draft(self, blueprint: Blueprint, store: Store, environ: Mapping[str, str], way: Way) -> Draft:
        layout = choose_layout(blueprint.interpreter)
        items: tuple[BareItem, ...] = bare(
            blueprint.interpreter,
            path=self.site.path,
            prompt=blueprint.prompt,
            cache_dir=store.folder,
            environ=environ,
        )
        laid = arrange(blueprint, layout, own_paths(items))
        refuse_mounted(self.site, _paths_of(laid, items))
        copies = blueprint.link == "copy" or _is_elsewhere(store.folder, self.site.folder)
        require_space(self.site.folder, laid, items, copies=copies)
        return Draft(
            site=self.site,
            number=next_number(self.site),
            blueprint=blueprint,
            layout=layout,
            bare=items,
            laid=laid,
            merge=way.merge,
        )

    @contextmanager
    def _or_abandon(self, draft: Draft) -> Iterator[None]:
        """Remove the stage when anything goes wrong, and say of all that the environment is as it was."""
        try:
            yield
        except BrokenError:
            raise  # the stage is part of what recovery needs
        except BaseException as error:
            with Shield():
                self._abandon(draft)
            if isinstance(error, OSError):
                raise _not_staged(self.site, error) from error
            if isinstance(error, EnvctlError):
                raise _as_switch_error(error) from error
            raise

    def _abandon(self, draft: Draft) -> None:
        """Remove a stage, as far as the file system lets us: the next command that writes does the rest."""
        try:
            # After an exchange the tree that left lies there, until it is parked.
            if live_number(self.site) != draft.number:
                remove_now(draft.root)
        except (OSError, MachineError):
            pass

    def _plan_switch(self, draft: Draft, record: GenerationRecord) -> Journal:
        site = self.site
        leaving = live_number(site)
        events = [describe_adopted(site)] if leaving == ADOPTED else []
        changes = None
        if leaving is not None:  # off the disk: what others installed came along, or did not
            changes = compare_packages(read_distributions(site.path), read_distributions(draft.root))
        events.append(
            Event(
                number=draft.number,
                time=record.time,
                command=record.command,
                python=record.python,
                packages=len(record.distributions),
                changes=changes,
            )
        )
        return Journal(
            leaving=leaving,
            entering=draft.number,
            source=os.path.relpath(draft.root, site.folder),
            parked=_parked(leaving),
            planned=plan_replacements(draft.blueprint.replacements),
            history=tuple(map(format_event, events)),
        )

    def _make_room(self, leaving: int | None) -> None:
        if leaving is None:
            return
        try:
            make_room(self.site, leaving)
        except OSError as error:
            raise _not_staged(self.site, error) from error

    def _carry_late(self, draft: Draft, staged: Staged, leaving: int | None) -> None:
        """Take along what tools wrote into the tree that left until it did; where it is kept, it is too."""
        left = "" if leaving is None else self.site.generation(leaving)
        known = draft.blueprint.known
        if known is None or not os.path.isdir(left):
            return
        try:
            # The lock was signed before anybody looked at the tree, by the same clock.
            fresh = find_fresh(left, known, os.stat(self.site.lock).st_mtime_ns - RACY_NS)
            catch_up(left, self.site.path, (*draft.blueprint.carry, *fresh), staged.carried)
        except OSError as error:
            message = f"what came into generation {leaving} at last was not taken along, and is still there"
            self.emit(Notice("warning", "data-left", f"{message}: {error.strerror or error}"))

    def _trim(self, keep: int) -> None:
        try:
            trim(self.site, keep)
        except OSError as error:
            self.emit(
                Notice(
                    "warning",
                    "generations-kept",
                    f"earlier generations could not be moved to the trash: {error.strerror or error}",
                )
            )


def _settle(draft: Draft, staged: Staged) -> None:
    """Bring a staged tree onto the disk, so that no later write may get the mtime of a file of it.

    What tools wrote meanwhile into what it carries, it gets before. Its receipt is dated when that holds.
    """
    if not draft.merge:  # what a merge carries has never left
        catch_up(draft.site.path, draft.root, draft.blueprint.carry, staged.carried)
    atomic.flush_file_system(draft.root)
    settle(staged.newest)
    atomic.set_mtime(os.path.join(draft.root, *RECEIPT.split("/")), time.time_ns())


def _paths_of(laid: Iterable[Laid], items: Iterable[BareItem]) -> Iterator[str]:
    for each in laid:
        yield from each.linked
        yield from each.scripts
        yield from each.entry_points
    for item in items:
        if item.kind != DIRECTORY:
            yield item.path


def _is_elsewhere(first: str, second: str) -> bool:
    """Whether two folders are on different file systems, between which nothing can be linked."""
    try:
        return os.stat(first).st_dev != os.stat(second).st_dev
    except OSError:
        return False


def _parked(leaving: int | None) -> str | None:
    return None if leaving is None else f"generations/{leaving}"


def _not_staged(site: Site, error: OSError) -> SwitchError:
    return SwitchError(
        "stage-failed",
        f"the new environment could not be made: {error.strerror or error}{_name_file(error)}; "
        "the live one is as it was",
        where=site.path,
    )


def _name_file(error: OSError) -> str:
    # Writing to an open file fails without its name.
    return f" (`{error.filename}`)" if error.filename else ""


def _as_switch_error(error: EnvctlError) -> SwitchError:
    if isinstance(error, SwitchError):
        return error
    return SwitchError(error.code, error.message, where=error.where, hints=error.hints)
