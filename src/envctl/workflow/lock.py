"""``envctl lock``: the lock brought up to date, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping

from envctl import atomic
from envctl.environment.configuration import choose_executable, read_configuration
from envctl.errors import CheckError, MachineError
from envctl.lock.difference import compare
from envctl.lock.format import format_lock
from envctl.lock.freshness import preferences
from envctl.receipt import digest_file
from envctl.transaction.lock import hold, lock_path_for
from envctl.workflow.context import Context
from envctl.workflow.plan import open_run
from envctl.workflow.prepare import (
    Run,
    Situation,
    declared,
    lock_fits,
    make_lock,
    refuse_unlocked,
    survey,
)
from envctl.workflow.results import Locked

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
    run = open_run(context)
    try:
        loaded, declaration = declared(context)
        present = choose_executable(read_configuration(declaration.path) or {})
        situation = survey(context, loaded, declaration, present=present)
        fits = lock_fits(situation)
        if check and not fits:
            raise refuse_unlocked(situation)
        if fits and not upgrade and not upgrade_packages:
            return _unchanged(situation)
        return _renew(
            run, situation, _preferred(situation, upgrade=upgrade, upgrade_packages=upgrade_packages)
        )
    finally:
        run.close()


def _unchanged(situation: Situation) -> Locked:
    lock = situation.lock.lock
    count = len(lock.packages) if lock is not None else 0
    return Locked(path=situation.lock.path, fresh=True, written=False, packages=count)


def _preferred(situation: Situation, *, upgrade: bool, upgrade_packages: frozenset[str]) -> Mapping[str, str]:
    if upgrade or situation.lock.lock is None:
        return {}
    kept = preferences(situation.lock.lock)
    unknown = upgrade_packages - kept.keys()
    if unknown:
        raise CheckError(
            "not-locked",
            f"the lock holds no {', '.join(f'`{name}`' for name in sorted(unknown))}",
            where=situation.lock.path,
        )
    return {name: version for name, version in kept.items() if name not in upgrade_packages}


def _write(run: Run, situation: Situation, text: bytes) -> None:
    """Replace the lock, unless somebody wrote it since it was read."""
    path = situation.lock.path
    order = lock_path_for(situation.manifest.path, run.context.settings.cache_dir)
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


def _renew(run: Run, situation: Situation, preferred: Mapping[str, str]) -> Locked:
    before = situation.lock
    made = make_lock(run, situation, preferred=preferred)
    text = format_lock(made)
    fresh = lock_fits(situation)
    changed = before.lock is None or before.lock.data != text
    if changed:
        _write(run, situation, text)
    return Locked(
        path=before.path,
        fresh=fresh,
        written=changed,
        packages=len(made.packages),
        changes=compare(before.lock, made),
    )
