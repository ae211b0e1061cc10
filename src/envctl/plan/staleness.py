"""Whether a saved plan still fits, and whether it has been carried out already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment

_ABSENT = object()


def compare_inputs(
    saved: Plan,
    now: Inputs,
    observed_now: Observed,
    *,
    environment: PlannedEnvironment | None = None,
) -> tuple[str, ...]:
    """Name what moved since ``saved`` was made; nothing when it may be applied.

    The names are for people and begin with what moved: ``manifest``, ``lock``, ``option reinstall``,
    ``interpreter (3.11.7 then, 3.11.9 now)``, ``policy``, ``projects``, ``environment``. With
    ``environment``, the one that would be changed now, its name, path, Python and platform are compared
    too. The number of the generation is not: another checkout in the same state may apply the plan.
    """
    moved = []
    labels = {*saved.inputs.digests, *now.digests}
    details = () if environment is None else tuple(_compare_interpreter(saved.environment, environment))
    if environment is not None and _place(saved.environment) != _place(environment):
        then, there = saved.environment, environment
        moved.append(f"environment (`{then.name}` at {then.path} then, `{there.name}` at {there.path} now)")
    moved += [
        label
        for label in sorted(labels - {"options", "interpreter"})
        if saved.inputs.digests.get(label) != now.digests.get(label)
    ]
    moved += _compare_options(saved.inputs, now)
    if details or saved.inputs.digests.get("interpreter") != now.digests.get("interpreter"):
        moved.append(f"interpreter ({'; '.join(details)})" if details else "interpreter")
    moved += _compare_observed(saved.observed, observed_now)
    return tuple(moved)


def is_done(saved: Plan, *, installed_now: str, lock_now: str | None, lock_planned: str | None) -> bool:
    """Tell whether the result of ``saved`` is already there.

    ``installed_now`` is `digest_installed` of the state; ``lock_now`` the digest of the lock on disk,
    ``lock_planned`` the digest, made in the same way, of ``saved.lock_text``; it is looked at only when the
    plan writes a lock. Else the lock has to be the one that the plan was made from.
    """
    wanted = saved.inputs.digests.get("lock") if saved.lock_text is None else lock_planned
    return bool(saved.planned_digest) and saved.planned_digest == installed_now and lock_now == wanted


def _place(environment: PlannedEnvironment) -> tuple[str, str]:
    return environment.name, environment.path


def _compare_interpreter(then: PlannedEnvironment, now: PlannedEnvironment) -> Iterator[str]:
    for before, after in (
        (then.python, now.python),
        (then.implementation, now.implementation),
        (then.platform, now.platform),
    ):
        if before != after:
            yield f"{before} then, {after} now"


def _compare_options(then: Inputs, now: Inputs) -> Iterator[str]:
    named = False
    for option in sorted({*then.options, *now.options}):
        if _option(then.options, option) != _option(now.options, option):
            named = True
            yield f"option {option}"
    if not named and then.digests.get("options") != now.digests.get("options"):
        yield "options"


def _option(options: Mapping[str, object], name: str) -> object:
    """Return an option as it is after a way through JSON, where sets and tuples are lists."""
    value = options.get(name, _ABSENT)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def _compare_observed(then: Observed, now: Observed) -> Iterator[str]:
    if then.exists != now.exists:
        yield "environment (it was made since)" if now.exists else "environment (it is gone)"
    elif then.owner != now.owner:
        yield f"environment (of {then.owner} then, of {now.owner} now)"
    elif then.digest != now.digest:
        yield "environment (its content changed)"
