"""``envctl lock``: the lock brought up to date, and nothing else."""

from __future__ import annotations

import os

from envctl import atomic
from envctl.environment.configuration import choose_executable, read_configuration
from envctl.environment.interpreters import find as find_interpreter
from envctl.errors import MachineError
from envctl.lock.difference import compare
from envctl.lock.lock import Lock
from envctl.manifest.manifest import Manifest
from envctl.manifest.select import python_requests
from envctl.model.target import choose_target
from envctl.receipt import digest_file
from envctl.store.store import Store, refuse_file
from envctl.transaction.lock import hold, lock_path_for
from envctl.workflow.answers import AnswerBook
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.context import Context, Released, open_memo
from envctl.workflow.coverage import (
    covered_minors,
    find_interpreters,
    make_cells,
    stated_coverage,
    wanted_coverage,
)
from envctl.workflow.fresh import keep_receipt
from envctl.workflow.inputs import declared, load_manifest
from envctl.workflow.locks import LoadedLock, load_lock
from envctl.workflow.releasing import find_released
from envctl.workflow.results import Locked
from envctl.workflow.sources import find_direct_artifacts
from envctl.workflow.staleness import digest_inputs, is_up_to_date, refuse_stale

#: Seconds to wait for another run that writes the manifest or the lock.
LOCK_TIMEOUT = 60.0


def lock(
    context: Context,
    *,
    check: bool = False,
    upgrade: bool = False,
    upgrade_packages: frozenset[str] = frozenset(),
    upgrade_groups: tuple[str, ...] = (),
) -> Locked:
    """Bring the lock up to date, keeping every locked version that still fits.

    ``upgrade`` lets go of all versions, ``upgrade_packages`` of some (normalised names), ``upgrade_groups``
    of what those groups need. ``check`` writes nothing and opens no socket.

    Raises:
        CheckError: `lock-stale` or `lock-missing` with ``check``; `not-locked`.
        UsageError: `unknown-group`.
        ResolutionError, UpstreamError, BuildError: when no lock can be made.
    """
    if check:
        return _check(context)
    loaded, declaration = declared(context)
    manifest = loaded.manifest
    memo = open_memo(context.settings)
    before = load_lock(manifest, memo=memo)
    interpreter = find_interpreter(
        python_requests(manifest, declaration),
        settings=context.settings,
        present=choose_executable(read_configuration(declaration.path) or {}),
        covered=covered_minors(before.lock),
    )
    direct = find_direct_artifacts(manifest)
    found = find_interpreters(
        manifest, before.lock, settings=context.settings, known=(declaration.name, interpreter)
    )
    coverage = wanted_coverage(manifest, before.lock, found)
    fits = coverage == stated_coverage(manifest, before.lock) and is_up_to_date(manifest, before.lock, direct)
    released: Released = None
    if not upgrade:
        released = find_released(before, manifest, names=upgrade_packages, groups=upgrade_groups)
    if fits and released == frozenset():
        keep_receipt(context.settings, loaded, before, direct, found)
        return _unchanged(before)
    book = AnswerBook(memo)
    remote = context.make_remote(context, manifest, interpreter, Store(context.settings.cache_dir))
    try:
        made = remote.resolve(
            manifest,
            make_cells(coverage, choose_target(interpreter), recall_tags=book.recall_tags),
            direct=direct,
            digest=digest_inputs(manifest, coverage, direct),
            old=before.lock,
            released=released,
        )
    finally:
        remote.close()
    return _renew(context, manifest, before, made, fits=fits)


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


def _renew(context: Context, manifest: Manifest, before: LoadedLock, made: Lock, *, fits: bool) -> Locked:
    changed = before.lock is None or before.lock.data != made.data
    if changed:
        _write(context, manifest, before, made.data)
    return Locked(
        path=before.path,
        fresh=fits,
        written=changed,
        packages=len(made.packages),
        changes=compare(before.lock, made, asked=asked_by_anyone(manifest)),
    )


def _write(context: Context, manifest: Manifest, before: LoadedLock, text: bytes) -> None:
    """Replace the lock, unless somebody wrote it since it was read."""
    path, settings = before.path, context.settings
    lock_folder = settings.lock_dir or settings.cache_dir
    refuse_file(lock_folder)
    order = lock_path_for(manifest.path, lock_folder)
    with hold(order, timeout=LOCK_TIMEOUT, emit=context.emit):
        now = digest_file(path)
        if now != (f"sha256:{before.digest}" if before.digest else None):
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
