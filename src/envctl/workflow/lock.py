"""``envctl lock``: the lock brought up to date, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from envctl.errors import CheckError
from envctl.lock.difference import compare
from envctl.lock.format import format_lock
from envctl.lock.freshness import preferences
from envctl.transaction.blueprint import Replacement
from envctl.transaction.replace import replace_files
from envctl.workflow.context import Context
from envctl.workflow.plan import open_run
from envctl.workflow.prepare import Run, Situation, lock_fits, make_lock, refuse_unlocked, survey
from envctl.workflow.results import Locked, PlanOptions


def lock(
    context: Context, *, check: bool = False, upgrade: bool = False, upgrade_packages: frozenset[str] = frozenset()
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
        situation = survey(context, PlanOptions(adopt=True), environment_matters=False)
        fits = lock_fits(situation)
        if check and not fits:
            raise refuse_unlocked(situation)
        if fits and not upgrade and not upgrade_packages:
            return _unchanged(situation)
        return _renew(run, situation, _preferred(situation, upgrade=upgrade, upgrade_packages=upgrade_packages))
    finally:
        run.close()


def _unchanged(situation: Situation) -> Locked:
    lock = situation.lock.lock
    count = len(lock.packages) if lock is not None else 0
    return Locked(path=situation.lock.path, fresh=True, written=False, packages=count)


def _preferred(
    situation: Situation, *, upgrade: bool, upgrade_packages: frozenset[str]
) -> Mapping[str, str]:
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


def _renew(run: Run, situation: Situation, preferred: Mapping[str, str]) -> Locked:
    before = situation.lock
    made = make_lock(run, situation, preferred=preferred)
    text = format_lock(made)
    fresh = lock_fits(situation)
    changed = before.lock is None or format_lock(before.lock) != text
    if changed:
        replace_files(
            [Replacement(path=before.path, before=before.digest, after=text)],
            cache_dir=run.context.settings.cache_dir,
            manifest=situation.manifest.path,
            emit=run.context.emit,
        )
    return Locked(
        path=before.path,
        fresh=fresh,
        written=changed,
        packages=len(made.packages),
        changes=compare(before.lock, made),
    )
