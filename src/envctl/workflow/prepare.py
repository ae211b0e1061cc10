"""From the files and the disk to a plan: the steps that ``plan``, ``apply`` and ``status`` share.

Each step is a function of what came before; none of them changes anything but the cache.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from envctl.build.digest import digest_metadata
from envctl.environment.interpreters import find as find_interpreter
from envctl.errors import EnvctlError, MachineError
from envctl.frozen import dataclass, replace
from envctl.lock.choose import choose
from envctl.lock.difference import LockChange, compare
from envctl.lock.format import format_lock
from envctl.lock.freshness import covers
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Declaration, Manifest
from envctl.manifest.select import python_requests
from envctl.model.artifact import Artifact, Directory
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Selection
from envctl.model.target import Target, choose_target
from envctl.workflow.askers import asked_by_anyone, asked_by_lists
from envctl.workflow.context import Context, Released, Run
from envctl.workflow.coverage import (
    Coverage,
    covered_minors,
    find_interpreters,
    make_cells,
    wanted_coverage,
)
from envctl.workflow.inputs import Loaded
from envctl.workflow.locks import LoadedLock, load_lock
from envctl.workflow.made import Making, keep_lock
from envctl.workflow.results import PlanOptions
from envctl.workflow.sources import find_direct_artifacts
from envctl.workflow.staleness import digest_inputs, is_up_to_date, refuse_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is given before anything is decided: the inputs of lock and plan but the environment."""

    loaded: Loaded
    declaration: Declaration
    interpreter: Interpreter
    target: Target
    direct: Mapping[str, Artifact]
    lock: LoadedLock

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        return self.loaded.manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is wanted: the lock that holds (``text`` only when it is to be written) and its selection.

    ``kept`` are the labels of a lock that was made and kept (see `envctl.made`).
    """

    lock: Lock
    text: bytes | None
    selection: Selection
    changes: tuple[LockChange, ...] = ()
    kept: Mapping[str, str] | None = None


def survey(
    context: Context,
    loaded: Loaded,
    declaration: Declaration,
    *,
    present: str | None,
    from_lock: str | None = None,
) -> Situation:
    """Read the lock and the sources, and find the interpreter; ``present`` is the one the environment has.

    Raises:
        InputError: `bad-lock`, `no-source`.
        MachineError: `no-python`.
    """
    manifest = loaded.manifest
    lock = load_lock(manifest, resolve_path(context, from_lock))
    interpreter = find_interpreter(
        python_requests(manifest, declaration),
        settings=context.settings,
        present=present,
        covered=covered_minors(lock.lock),
    )
    return Situation(
        loaded=loaded,
        declaration=declaration,
        interpreter=interpreter,
        target=choose_target(interpreter),
        direct=find_direct_artifacts(manifest),
        lock=lock,
    )


def resolve_path(context: Context, path: str | None) -> str | None:
    """Make a path of the command line absolute; they are relative to the working folder."""
    return None if path is None else os.path.abspath(os.path.join(context.directory, path))


def lock_fits(situation: Situation) -> bool:
    """Whether the lock is up to date and covers this machine."""
    lock = situation.lock.lock
    return (
        lock is not None
        and is_up_to_date(situation.manifest, lock, situation.direct)
        and covers(lock, situation.target)
    )


def choose_pins(run: Run, situation: Situation, options: PlanOptions) -> Choice:
    """Choose what the environment shall hold; makes the lock anew, in memory, where it does not fit.

    Raises:
        CheckError: `lock-stale` or `lock-missing` under ``--locked``.
        ResolutionError, UpstreamError, BuildError: when a lock had to be made and could not.
    """
    if options.from_lock is not None:
        return _choose_from(situation)
    if lock_fits(situation):
        lock = situation.lock.lock
        assert lock is not None  # noqa: S101 - `lock_fits` said so
        return Choice(lock=lock, text=None, selection=choose_for(situation, lock))
    if options.locked:
        raise refuse_unlocked(situation)
    found = find_others(run, situation)
    coverage = wanted_coverage(situation.manifest, situation.lock.lock, found)
    if not coverage.holds(situation.target):
        raise refuse_uncovered(situation, coverage)
    lock = make_lock(run, situation, coverage)
    changes = compare(situation.lock.lock, lock, asked=asked_by_anyone(situation.manifest))
    making = Making(
        loaded=situation.loaded,
        declaration=situation.declaration,
        direct=situation.direct,
        before=situation.lock,
        found=found,
    )
    basis = run.remote(situation.interpreter, situation.manifest).basis()
    return Choice(
        lock=lock,
        text=format_lock(lock),
        selection=choose_for(situation, lock),
        changes=changes,
        kept=keep_lock(run.context, making, lock, changes, basis),
    )


def refuse_unlocked(situation: Situation) -> EnvctlError:
    """Say why ``--locked`` cannot hold."""
    lock = situation.lock.lock
    if is_up_to_date(situation.manifest, lock, situation.direct):
        assert lock is not None  # noqa: S101 - it is up to date
        return refuse_uncovered(situation, Coverage(lock.targets, lock.pythons))
    return refuse_stale(situation.lock)


def refuse_uncovered(situation: Situation, coverage: Coverage) -> MachineError:
    """Say that a lock of this coverage is not for this machine and Python."""
    target, settings = situation.target, situation.manifest.lock
    keys = [f"`{key}`" for key in ("targets", "python") if getattr(settings, key)]
    return MachineError(
        "not-locked-for",
        f"`{os.path.basename(situation.lock.path)}` does not cover {target.name} with Python {target.python}"
        f"; it is for {', '.join(coverage.targets)} with Python {', '.join(coverage.pythons)}",
        where=situation.lock.path,
        hints=[f"add it to {' or '.join(keys)} under `[lock]`"]
        if keys
        else ["`envctl lock` on this machine adds it"],
    )


def cover(run: Run, situation: Situation) -> Coverage:
    """Tell what a lock that is made now shall cover."""
    return wanted_coverage(situation.manifest, situation.lock.lock, find_others(run, situation))


def find_others(run: Run, situation: Situation) -> tuple[tuple[str, Interpreter], ...]:
    """Find what the environments get that a lock which is made now is for, that of this one first."""
    return find_interpreters(
        situation.manifest,
        situation.lock.lock,
        settings=run.context.settings,
        known=(situation.declaration.name, situation.interpreter),
    )


def make_lock(
    run: Run, situation: Situation, coverage: Coverage, *, released: Released = frozenset()
) -> Lock:
    """Resolve anew for every target of ``coverage``; locked versions stay, but those ``released``."""
    manifest = situation.manifest
    return run.remote(situation.interpreter, manifest).resolve(
        manifest,
        make_cells(coverage, situation.target),
        direct=situation.direct,
        digest=digest_inputs(manifest, coverage, situation.direct),
        old=situation.lock.lock,
        released=released,
    )


def choose_for(situation: Situation, lock: Lock) -> Selection:
    """Choose from ``lock`` what the declared environment holds on this machine."""
    declaration = situation.declaration
    selection = choose(
        lock,
        situation.target,
        groups=frozenset(declaration.groups),
        extras=frozenset(declaration.extras),
        asked=asked_by_lists(situation.manifest, declaration),
    )
    return _with_directories(selection, situation)


def _choose_from(situation: Situation) -> Choice:
    lock = situation.lock.lock
    assert lock is not None  # noqa: S101 - a lock that was named and is not there was refused before
    return Choice(lock=lock, text=None, selection=choose_default(situation, lock))


def choose_default(situation: Situation, lock: Lock) -> Selection:
    """Choose what a lock of any tool selects by default, whatever the manifest's lists say.

    What no package requires is asked for by the lock itself, and its name says so.
    """
    selection = choose(
        lock, situation.target, groups=frozenset(), extras=frozenset(), asked={}, default_selection=True
    )
    asker = (os.path.basename(situation.lock.path),)
    pins = {name: replace(pin, required_by=pin.required_by or asker) for name, pin in selection.pins.items()}
    return _with_directories(replace(selection, pins=pins), situation)


def _with_directories(selection: Selection, situation: Situation) -> Selection:
    """Take the digests of directories from the disk: no lock of another tool has them, and ours may be older.

    Raises:
        InputError: `no-source`.
    """
    found = {
        (one.path, one.subdirectory): one for one in situation.direct.values() if isinstance(one, Directory)
    }

    def look(directory: Directory) -> Directory:
        known = found.get((directory.path, directory.subdirectory))
        if known is not None:
            return replace(known, editable=directory.editable)
        folder = os.path.join(directory.path, directory.subdirectory or "")
        return replace(directory, metadata_digest=digest_metadata(folder))

    pins = {
        name: replace(pin, artifact=look(pin.artifact)) if isinstance(pin.artifact, Directory) else pin
        for name, pin in selection.pins.items()
    }
    return replace(selection, pins=pins)
