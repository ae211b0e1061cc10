"""Which findings of policy a person is told each time."""

from __future__ import annotations

from envctl.frozen import replace
from envctl.model.change import Action, Change, Reason, ReasonKind, Verdict
from envctl.plan.change import Inputs, Observed, Plan, PlannedEnvironment

WHY = (Reason(ReasonKind.MANIFEST, "asked for by env.toml"),)
PLAN = Plan(
    inputs=Inputs(digests={}, manifest_path="env.toml", lock_path=None),
    environment=PlannedEnvironment(
        name="default",
        path=".venv",
        python="3.11.7",
        executable="python",
        implementation="cpython",
        platform="x",
    ),
    observed=Observed(exists=True, digest="", generation=1),
    changes=(
        Change(address="package.new", action=Action.CREATE, before=None, after=None, reasons=WHY),
        Change(address="package.old", action=Action.NO_OP, before=None, after=None, reasons=WHY),
    ),
)


def verdict(name: str, mode: str) -> Verdict:
    return Verdict(rule="startup-hooks", mode=mode, address=f"package.{name}", message="a hook")


def test_a_warning_about_what_stays_is_not_pressing() -> None:
    told = (verdict("new", "warn"), verdict("old", "enforce"))

    plan = replace(PLAN, policy=(*told, verdict("old", "warn")))

    assert plan.pressing_verdicts == told
