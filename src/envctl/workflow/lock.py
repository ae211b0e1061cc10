"""``envctl lock``: the lock brought up to date, and nothing else."""

from __future__ import annotations

import os

from envctl import atomic
from envctl.environment.configuration import choose_executable, read_configuration
from envctl.errors import CheckError, MachineError
from envctl.lock.difference import compare
from envctl.lock.format import format_lock
from envctl.lock.freshness import preferences
from envctl.lock.lock import Lock
from envctl.receipt import digest_file
from envctl.store.store import refuse_file
from envctl.transaction.lock import hold, lock_path_for
from envctl.workflow.context import Context
from envctl.workflow.coverage import find_interpreters, stated_coverage, wanted_coverage
from envctl.workflow.fresh import keep_receipt
from envctl.workflow.inputs import declared, load_manifest
from envctl.workflow.locks import LoadedLock, load_lock
from envctl.workflow.plan import open_run
from envctl.workflow.prepare import (
    Run,
    Situation,
    is_up_to_date,
    make_lock,
    refuse_stale,
    survey,
)
from envctl.workflow.results import Locked
from envctl.workflow.sources import find_direct_artifacts

#: Seconds to wait for another run that writes the manifest or the lock.
LOCK_TIMEOUT = 60.0


def lock(
    context: Context,
    *,
    check: bool = False,
    upgrade: bool = False,
    upgrade_packages: frozenset[str] = frozenset(),
) -> Locked:
    """Bring the lock up to date, keeping every locked version that still fits.

    ``upgrade`` lets go of all versions, ``upgrade_packages`` of some (normalised names). ``check`` writes
    nothing and opens no socket.

    Raises:
        CheckError: `lock-stale` or `lock-missing` with ``check``.
        ResolutionError, UpstreamError, BuildError: when no lock can be made.
    """
    if check:
        return _check(context)
    run = open_run(context)
    try:
        loaded, declaration = declared(context)
        present = choose_executable(read_configuration(declaration.path) or {})
        situation = survey(context, loaded, declaration, present=present)
        before = situation.lock.lock
        manifest, known = situation.manifest, (declaration.name, situation.interpreter)
        found = find_interpreters(manifest, before, settings=context.settings, known=known)
        coverage = wanted_coverage(manifest, before, found)
        fits = coverage == stated_coverage(manifest, before) and is_up_to_date(
            manifest, before, situation.direct
        )
        if fits and not upgrade and not upgrade_packages:
            keep_receipt(context.settings, loaded, situation.lock, situation.direct, found)
            return _unchanged(situation.lock)
        released = None if upgrade else _released(situation.lock, upgrade_packages)
        return _renew(run, situation, make_lock(run, situation, coverage, released=released), fits=fits)
    finally:
        run.close()


def _check(context: Context) -> Locked:
    """Say whether the lock is up to date: the same on every machine, without looking at this one."""
    manifest = load_manifest(context).manifest
    lock = load_lock(manifest)
    if not is_up_to_date(manifest, lock.lock, find_direct_artifacts(manifest)):
        raise refuse_stale(lock)
    return _unchanged(lock)


def _unchanged(lock: LoadedLock) -> Locked:
    count = len(lock.lock.packages) if lock.lock is not None else 0
    return Locked(path=lock.path, fresh=True, written=False, packages=count)


def _released(lock: LoadedLock, names: frozenset[str]) -> frozenset[str]:
    unknown = names - preferences(lock.lock).keys() if lock.lock is not None else frozenset[str]()
    if unknown:
        raise CheckError(
            "not-locked",
            f"the lock holds no {', '.join(f'`{name}`' for name in sorted(unknown))}",
            where=lock.path,
        )
    return names


def _write(run: Run, situation: Situation, text: bytes) -> None:
    """Replace the lock, unless somebody wrote it since it was read."""
    path, settings = situation.lock.path, run.context.settings
    lock_folder = settings.lock_dir or settings.cache_dir
    refuse_file(lock_folder)
    order = lock_path_for(situation.manifest.path, lock_folder)
    with hold(order, timeout=LOCK_TIMEOUT, emit=run.context.emit):
        now = digest_file(path)
        if now != (f"sha256:{situation.lock.digest}" if situation.lock.digest else None):
            raise MachineError(
                "lock-moved",
                f"`{os.path.basename(path)}` was written by somebody else meanwhile; it is left as it is",
                where=path,
                hints=["run the command again"],
            )
        try:
            atomic.replace(path, text)
        except OSError as error:
            message = f"`{path}` cannot be written: {error.strerror}"
            raise MachineError("not-writable", message, where=path) from error


def _renew(run: Run, situation: Situation, made: Lock, *, fits: bool) -> Locked:
    before = situation.lock
    text = format_lock(made)
    changed = before.lock is None or before.lock.data != text
    if changed:
        _write(run, situation, text)
    return Locked(
        path=before.path,
        fresh=fits,
        written=changed,
        packages=len(made.packages),
        changes=compare(before.lock, made),
    )
