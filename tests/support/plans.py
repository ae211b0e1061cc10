"""Plans and their lines, made in a line of a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from packaging.version import Version

from envctl.lock.difference import LockChange
from envctl.model.change import Action, Change, Diagnostic, Reason, ReasonKind, Side, Verdict
from envctl.model.state import Drift, DriftKind
from envctl.model.step import measure_step
from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment

__all__ = ["change", "denied", "drifted", "lock_change", "make_plan", "remark"]

_REASONS = {
    Action.CREATE: Reason(ReasonKind.REQUIRED, "required by requests (<4,>=2.5)"),
    Action.UPDATE: Reason(ReasonKind.LOCK_CHANGED, "required by requests (<4,>=2.5)"),
    Action.REPLACE: Reason(ReasonKind.DRIFT, "app.py was modified"),
    Action.DELETE: Reason(ReasonKind.NO_LONGER_REQUIRED, "nothing asks for it any more"),
    Action.NO_OP: Reason(ReasonKind.MANIFEST, "asked for by env.toml"),
}


def change(
    action: str,
    name: str,
    before: str | None = None,
    after: str | None = None,
    *,
    why: str | None = None,
    address: str | None = None,
    flags: tuple[str, ...] = (),
) -> Change:
    kind = Action(action)
    reason = _REASONS[kind] if why is None else replace(_REASONS[kind], text=why)
    return Change(
        address=address or f"package.{name}",
        action=kind,
        before=Side(version=before) if before is not None else None,
        after=Side(version=after) if after is not None else None,
        reasons=(reason,),
        flags=flags,
    )


def drifted(name: str, path: str, kind: str = "modified", detail: str = "") -> Drift:
    return Drift(address=f"package.{name}", kind=DriftKind(kind), path=path, detail=detail)


def lock_change(name: str, before: str | None, after: str | None) -> LockChange:
    if before is None or after is None:
        return LockChange(
            name=name, before=before, after=after, kind="added" if before is None else "removed"
        )
    old, new = Version(before.partition(" ")[0]), Version(after.partition(" ")[0])
    kind = "up" if old < new else "down"
    return LockChange(name=name, before=before, after=after, kind=kind, step=measure_step(old, new))


def denied(
    message: str = "GPL-3.0-only is denied", *, mode: str = "enforce", waived: str | None = None
) -> Verdict:
    return Verdict(rule="licenses", mode=mode, address="package.foo", message=message, waived=waived)


def remark(message: str, level: str = "warning") -> Diagnostic:
    return Diagnostic(level=level, code="policy-unknown", message=message)


def make_plan(*changes: Change, **rest: Any) -> Plan:
    """Make a plan for the environment ``default`` with these changes; ``rest`` are other fields of it."""
    plan = Plan(
        inputs=Inputs(
            digests={"manifest": "sha256:00", "lock": "sha256:01", "options": "sha256:02"},
            manifest_path="env.toml",
            lock_path="pylock.toml",
        ),
        environment=PlannedEnvironment(
            name="default",
            path=".venv",
            python="3.11.7",
            executable="/usr/bin/python3.11",
            implementation="cpython",
            platform="linux-x86_64",
        ),
        observed=Observed(exists=True, digest="sha256:03", generation=7),
        changes=changes,
    )
    return replace(plan, **rest)
