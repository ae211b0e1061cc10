"""What policy says of a plan, when it is made and again before it is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from envctl.errors import PolicyError
from envctl.frozen import replace
from envctl.model.change import Change, Diagnostic, Verdict
from envctl.model.events import Emit, Notice
from envctl.plan.change import Plan
from envctl.plan.goal import Goal
from envctl.policy.judge import diagnose, judge
from envctl.transaction.blueprint import Placed
from envctl.workflow.facts import FindWheel, gather_facts, look_into_placed
from envctl.workflow.insecure import keep_insecure


def pronounce(
    goal: Goal, changes: tuple[Change, ...], find: FindWheel
) -> tuple[tuple[Verdict, ...], tuple[Diagnostic, ...]]:
    """Judge the changes by the manifest's policy as of today; ``find`` is where wheels are looked into."""
    policy, selection = goal.policy, goal.selection
    facts = gather_facts(goal, find)
    today = datetime.now(UTC).date()
    return (
        judge(changes, selection, facts, policy, today),
        diagnose(policy, facts=facts, names=selection.pins.keys(), today=today),
    )


def pronounce_again(goal: Goal, plan: Plan, placed: Sequence[Placed], emit: Emit) -> Plan:
    """Judge a plan once more, now that every wheel is at hand; nothing has been changed yet.

    Returns the plan with what is known now; what only comes to light here is told.

    Raises:
        PolicyError: `policy-denied`.
    """
    policy, diagnostics = pronounce(goal, plan.changes, look_into_placed(placed))
    now = replace(plan, policy=policy, diagnostics=keep_insecure(plan.diagnostics, diagnostics))
    if not now.applyable:
        raise refuse_policy(now)
    for verdict in policy:
        if verdict not in plan.policy and not verdict.waived:
            emit(Notice("warning", "policy-warning", f"{verdict.rule}: {verdict.message}"))
    return now


def refuse_policy(plan: Plan) -> PolicyError:
    """Say which rules deny a plan."""
    denied = [verdict for verdict in plan.policy if verdict.mode == "enforce" and not verdict.waived]
    return PolicyError(
        "policy-denied",
        f"the policy denies this plan: {denied[0].rule}: {denied[0].message}",
        denied=denied,
        hints=[f"{verdict.rule}: {verdict.message}" for verdict in denied[1:]],
    )
