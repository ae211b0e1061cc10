"""What the receipt of an apply holds: a digest of every input of its plan, so that equal means nothing to do.

Labels, beside ``tree``, which the environment itself is digested under::

    version               of envctl
    environment           the name it has in the manifest
    file PATH             sha256 of an input file, or ``absent``
    stat PATH             size and mtime of the base interpreter's file
    options               ``-`` when nothing but the manifest shaped the plan
    remarks               ``-`` when a plan would have nothing to say but "No changes"
    built NAME            the key in the store of a package that was built and laid
    until                 the day (ISO) from which time alone may change a verdict, or ``-``

``cli/fast.py`` looks at them again without knowing what they mean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from envctl import atomic
from envctl.environment.inventory import INVENTORY, format_inventory, read_inventory, retime
from envctl.model.change import Action, ReasonKind
from envctl.model.state import DriftKind
from envctl.plan.change import Plan
from envctl.plan.goal import Goal
from envctl.policy.judge import find_next_turn
from envctl.receipt import (
    ABSENT,
    FILE,
    RECEIPT,
    STAT,
    TREE,
    describe_file,
    format_receipt,
    read_receipt,
)
from envctl.treedigest import measure_tree
from envctl.version import VERSION
from envctl.workflow import insecure

#: How labels begin that say which wheel of the store a package is; its name follows.
_BUILT = "built "


def make_receipt(
    goal: Goal, plan: Plan, *, lock_digest: str | None, built: Mapping[str, str]
) -> Mapping[str, str]:
    """Make the labels of an apply; ``lock_digest`` (hexadecimal) is of the lock as it is after it.

    ``built`` has the keys of what was built, by project name.
    """
    return {
        **{f"{_BUILT}{name}": key for name, key in built.items()},
        "options": "from" if "from" in plan.inputs.options else "-",
        "remarks": "some" if has_remarks(plan) else "-",
        "version": VERSION,
        "environment": goal.name,
        f"{STAT}{goal.interpreter.executable}": describe_file(goal.interpreter.executable),
        "until": _until(goal),
        **{f"{FILE}{path}": digest for path, digest in goal.files.items()},
        f"{FILE}{goal.lock.path}": f"sha256:{lock_digest}" if lock_digest else ABSENT,
    }


def read_built(environment: str) -> Mapping[str, str]:
    """Read from the receipt of an environment what it was laid from, as far as that was built."""
    labels = read_receipt(os.path.join(environment, *RECEIPT.split("/"))) or {}
    return {label.removeprefix(_BUILT): key for label, key in labels.items() if label.startswith(_BUILT)}


def has_remarks(plan: Plan) -> bool:
    """Whether the same plan, once it is carried out, would still have something to say."""
    kept = any(
        change.action is Action.NO_OP and any(reason.kind is ReasonKind.FOREIGN for reason in change.reasons)
        for change in plan.changes
    )
    # Of what nobody keeps nothing is left where a generation is laid.
    stays = all(change.action is Action.NO_OP for change in plan.changes) and any(
        drift.kind in {DriftKind.FOREIGN, DriftKind.VERSION} for drift in plan.drift
    )
    # How the bytes came here is no remark on what is there.
    warned = any(each.level == "warning" and each.code != insecure.CODE for each in plan.diagnostics)
    # Once it is carried out every line is a no-op, about which a warning is not told again.
    judged = any(verdict.mode == "enforce" for verdict in plan.policy)
    return kept or stays or warned or judged


def _until(goal: Goal) -> str:
    turn = find_next_turn(goal.selection, goal.policy, datetime.now(UTC).date())
    return turn.isoformat() if turn is not None else "-"


def renew_receipt(environment: str, labels: Mapping[str, str], *, retimed: Mapping[str, int]) -> None:
    """Write the receipt of an environment that was found right though its receipt says otherwise.

    ``retimed`` are the files whose content was read because their time is another, with that time (ns):
    recorded, it is proof again, and nobody need read them twice. Nothing is written of one that somebody is
    editing at this moment.
    """
    inventory = read_inventory(environment)
    if retimed:
        inventory = retime(inventory, retimed)
    promised = inventory.outlines()

    def count(folder: str, lines: list[str]) -> int:
        prefix = f"{folder[1:]}/" if folder else ""
        return sum([prefix + line in promised for line in lines])

    tree, _, right = measure_tree(environment, count=count)
    if right != len(promised):
        return
    if retimed:
        atomic.replace(os.path.join(environment, *INVENTORY.split("/")), format_inventory(inventory))
    atomic.replace(os.path.join(environment, *RECEIPT.split("/")), format_receipt({**labels, TREE: tree}))
