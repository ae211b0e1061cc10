"""A plan as rows of plain text, for the formats that are tables: Markdown, HTML, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from envctl.cli.show.locked import LOCK_WORDS, lock_flags
from envctl.cli.show.plan import (
    LOCK_ACTIONS,
    SYMBOLS,
    explain,
    in_order,
    subject,
    summarise_carried,
)
from envctl.model.change import Action
from envctl.plan.change import LockChange, Plan


class Row(NamedTuple):
    """One change: its symbol, action, subject, versions or sources before and after, flags and reasons."""

    symbol: str
    action: str
    subject: str
    before: str
    after: str
    flags: str
    why: str


def change_rows(plan: Plan) -> list[Row]:
    """Give a row for each change of the environment."""
    rows = []
    for change in in_order(plan):
        if change.action is Action.NO_OP:
            continue
        before, after = (
            "" if side is None else side.version or side.source for side in (change.before, change.after)
        )
        rows.append(
            Row(
                SYMBOLS[change.action],
                change.action.value,
                subject(change.address),
                before,
                after,
                ", ".join(change.flags),
                explain(change),
            )
        )
    return rows


def lock_rows(changes: Sequence[LockChange]) -> list[Row]:
    """Give a row for each difference between two locks."""
    return [
        Row(
            SYMBOLS[LOCK_ACTIONS[change.kind]],
            LOCK_WORDS[change.kind],
            change.name,
            change.before or "",
            change.after or "",
            ", ".join(lock_flags(change)),
            change.reason,
        )
        for change in changes
    ]


def remark_rows(plan: Plan) -> list[tuple[str, str]]:
    """Give level and sentence of each verdict and each warning: ``error``, ``warning`` or ``notice``.

    Remarks of the level ``info`` are left out, as the text leaves them out unless more is asked for.
    """
    remarks = []
    for verdict in plan.policy:
        denied = verdict.mode == "enforce" and not verdict.waived
        level = "error" if denied else "notice" if verdict.waived else "warning"
        waived = f" (waived: {verdict.waived})" if verdict.waived else ""
        remarks.append((level, f"{verdict.rule}: {subject(verdict.address)}: {verdict.message}{waived}"))
    remarks += [("warning", each.message) for each in plan.diagnostics if each.level == "warning"]
    if plan.carried and not plan.is_empty:
        remarks.append(("notice", summarise_carried(plan)))
    return remarks
