"""``envctl lock``: the lock brought up to date, and nothing else."""

from __future__ import annotations

from envctl.errors import MachineError
from envctl.lock.difference import LockChange, compare
from envctl.made import describe_wish
from envctl.model.events import Notice
from envctl.model.target import choose_target
from envctl.receipt import ABSENT
from envctl.store.folder import refuse_file
from envctl.store.store import Store
from envctl.unchanged import find_manifest
from envctl.workflow.again import recall_lock, write_again
from envctl.workflow.answers import AnswerBook
from envctl.workflow.askers import asked_by_anyone
from envctl.workflow.context import Context, Released, open_memo
from envctl.workflow.coverage import find_all_interpreters, make_cells, stated_coverage, wanted_coverage
from envctl.workflow.fresh import keep_receipt
from envctl.workflow.inputs import declared, load_manifest
from envctl.workflow.locks import LoadedLock, load_lock
from envctl.workflow.made import Making, keep_lock
from envctl.workflow.releasing import find_released
from envctl.workflow.remarks import repeat_words, tell_manifest
from envctl.workflow.results import Locked
from envctl.workflow.sources import find_direct_artifacts
from envctl.workflow.staleness import digest_inputs, is_up_to_date, refuse_stale
from envctl.workflow.steady import say_once
from envctl.workflow.writing import LOCK_TIMEOUT, write_lock

#: How often a lock is begun anew because another run wrote it meanwhile.
_ATTEMPTS = 3


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
    context = say_once(context)
    wish = describe_wish(upgrade=upgrade, packages=upgrade_packages, groups=upgrade_groups)
    named = None if upgrade else (upgrade_packages, upgrade_groups)
    for _ in range(_ATTEMPTS - 1):
        try:
            return _lock_again(context, wish) or _lock_anew(context, wish, named)
        except MachineError as error:
            if error.code != "lock-moved":
                raise
            message = "another run wrote the lock meanwhile; it is looked at again"
            context.emit(Notice("info", "lock-looked-at-again", message))
    return _lock_again(context, wish) or _lock_anew(context, wish, named)


def _lock_again(context: Context, wish: str) -> Locked | None:
    """Write the lock that an earlier run made, where nothing has moved since; None where something has."""
    manifest, settings = find_manifest(context.directory, context.manifest), context.settings
    made = None
    if manifest is not None:
        made = recall_lock(
            open_memo(settings),
            manifest,
            environment=context.environment,
            wish=wish,
            config=settings.file,
            environ=settings.environ,
        )
    if manifest is None or made is None:
        return None
    tell_manifest(context, manifest)
    repeat_words(made.labels, context.emit)
    folder = _lock_folder(context)
    written = write_again(made, manifest=manifest, folder=folder, emit=context.emit, timeout=LOCK_TIMEOUT)
    return Locked(
        path=made.path,
        fresh=made.is_fresh,
        written=written,
        packages=made.packages,
        changes=tuple(LockChange(**change) for change in made.changes),
    )


def _lock_anew(context: Context, wish: str, named: tuple[frozenset[str], tuple[str, ...]] | None) -> Locked:
    """Resolve where it has to be; ``named`` are packages and groups that may move, None for all."""
    loaded, declaration = declared(context)
    manifest = loaded.manifest
    memo = open_memo(context.settings)
    before = load_lock(manifest, memo=memo)
    found = find_all_interpreters(manifest, declaration, before.lock, settings=context.settings)
    interpreter = found[0][1]
    direct = find_direct_artifacts(manifest)
    coverage = wanted_coverage(manifest, before.lock, found)
    fits = coverage == stated_coverage(manifest, before.lock) and is_up_to_date(manifest, before.lock, direct)
    released: Released = None
    if named is not None:
        packages, groups = named
        released = find_released(before, manifest, names=packages, groups=groups)
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
        basis = remote.basis()
    finally:
        remote.close()
    making = Making(
        loaded=loaded,
        declaration=declaration,
        direct=direct,
        before=before,
        found=found,
        fits=fits,
        wish=wish,
    )
    changes = compare(before.lock, made, asked=asked_by_anyone(manifest))
    keep_lock(context, making, made, changes, basis)
    written = before.lock is None or before.lock.data != made.data
    if written:
        write_lock(
            before.path,
            made.data,
            before=f"sha256:{before.digest}" if before.digest else ABSENT,
            manifest=manifest.path,
            folder=_lock_folder(context),
            emit=context.emit,
        )
    return Locked(path=before.path, fresh=fits, written=written, packages=len(made.packages), changes=changes)


def _lock_folder(context: Context) -> str:
    """Say where runs keep each other from writing one file. Raises MachineError: `cache-failed`."""
    folder = context.settings.lock_dir or context.settings.cache_dir
    refuse_file(folder)
    return folder


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
