"""A plan as text: drift first, then the lines with their reasons, then the verdicts; the summary last."""

from __future__ import annotations

from envctl.cli.console import Line, Styled, plain
from envctl.cli.show.locked import REQUIRERS, WIDEST, cut_requirers, difference_lines
from envctl.cli.show.words import count, size
from envctl.lock.difference import ADDED, CHANGED, DOWN, REMOVED, UP
from envctl.model.change import Action, Change, Side, Verdict
from envctl.model.state import Drift
from envctl.plan.address import ENVIRONMENT, PYTHON, parse_file, parse_package
from envctl.plan.change import LockChange, Plan
from envctl.plan.summary import summarise

#: Drifted files that are named for one package; JSON has all.
NAMED = 10

#: The diagnostic that says how the environment is changed, where that is not by the ordinary exchange.
MERGE = "merge"

SYMBOLS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.NO_OP: " ",
}

_STYLES = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
    Action.NO_OP: "dim",
}


def plan_lines(plan: Plan, *, verbose: bool = False) -> list[Line]:
    """Put a plan into words. With ``verbose`` the lines that change nothing are shown too."""
    blocks: list[list[Line]] = [
        drift_lines(plan.drift),
        change_lines(plan, verbose=verbose),
        lock_change_lines(plan.lock_changes, shown=() if verbose else plan.changes, verbose=verbose),
        carried_lines(plan, verbose=verbose),
        policy_lines(plan.policy if verbose else plan.pressing_verdicts),
        _diagnostic_lines(plan, verbose=verbose),
        summary_lines(plan),
    ]
    lines: list[Line] = []
    for block in blocks:
        if block and lines:
            lines.append("")
        lines += block
    return lines


def summary_lines(plan: Plan) -> list[Line]:
    """Sum a plan up in its last line."""
    return [(Styled(summarise_in_words(plan), "bold"),)]


def drift_lines(drift: tuple[Drift, ...]) -> list[Line]:
    """Name what is not as it was put, by package; of each up to `NAMED` files."""
    if not drift:
        return []
    lines: list[Line] = [(Styled("Drift:", "bold"), " what is on disk is not what was put there")]
    by_owner: dict[str, list[Drift]] = {}
    for each in drift:
        # Files that belong to no package stand together: each has an address of its own.
        owner = "files of no package" if parse_file(each.address) is not None else subject(each.address)
        by_owner.setdefault(owner, []).append(each)
    for owner, group in by_owner.items():
        lines.append(f"  {owner}")
        for each in group[:NAMED]:
            detail = f" ({each.detail})" if each.detail else ""
            lines.append(("    ", Styled(each.kind.value.ljust(11), "yellow"), f" {each.path}{detail}"))
        if len(group) > NAMED:
            lines.append(f"    and {len(group) - NAMED} more")
    return lines


def change_lines(plan: Plan, *, verbose: bool) -> list[Line]:
    """Write one line for each change: symbol, action, what, versions, flags, and why."""
    shown = [change for change in in_order(plan) if verbose or change.action is not Action.NO_OP]
    if not shown:
        return []
    environment = plan.environment
    heading = f" {environment.name} ({environment.path}), Python {environment.python}"
    lines: list[Line] = [(Styled("Environment", "bold"), heading)]
    whats = [describe(change) for change in shown]
    wide = min(max(len(plain(what)) for what in whats), WIDEST)
    for change, what in zip(shown, whats, strict=True):
        symbol = Styled(f"{SYMBOLS[change.action]} {change.action.value:<7}", _STYLES[change.action])
        flags = f"[{', '.join(change.flags)}] " if change.flags else ""
        why = explain(change, most=None if verbose else REQUIRERS)
        lines.append(("  ", symbol, f" {what}{' ' * (wide - len(plain(what)))}  ", flags, why))
    return lines


def in_order(plan: Plan) -> list[Change]:
    """Give the changes as people read them: the environment and its Python before what is in it."""
    return sorted(plan.changes, key=lambda change: change.address not in {ENVIRONMENT, PYTHON})


def subject(address: str) -> str:
    """Name what an address is of: the package, the path, or the address itself."""
    return parse_package(address) or parse_file(address) or address


def describe(change: Change) -> str:
    """Write what a change is about, with the versions before and after: ``idna 3.6 -> 3.10``."""
    name, before, after = subject(change.address), _version(change.before), _version(change.after)
    match change.action:
        case Action.UPDATE if before != after:
            return f"{name} {before or '?'} -> {after or '?'}"
        case Action.DELETE:
            return f"{name} {before}".rstrip()
        case _:
            return f"{name} {after or before}".rstrip()


def _version(side: Side | None) -> str:
    return (side.version or side.source) if side is not None else ""


def explain(change: Change, *, most: int | None = None) -> str:
    """Write why: the phrases of all reasons, and the closed word where there is no phrase.

    Of more than ``most`` packages that require one the first are named: ``required by a, b, c and 9 more``.
    What is new and comes from no index has its origin behind it.
    """
    phrases = [reason.text or reason.kind.value for reason in change.reasons]
    if most is not None:
        phrases = [cut_requirers(each, most) for each in phrases]
    if change.action is Action.CREATE and change.after is not None and is_direct(change.after):
        phrases.append(f"from {change.after.source}")
    return "; ".join(phrases)


def is_direct(side: Side) -> bool:
    """Whether a side of a change comes from no index."""
    return (side.origin or "").partition(" ")[0] in {"archive", "directory", "editable", "git"}


def lock_change_lines(
    changes: tuple[LockChange, ...], *, shown: tuple[Change, ...] = (), verbose: bool = False
) -> list[Line]:
    """Write what the new lock has newly, no more, or not as it was, below a heading.

    What one of the lines ``shown`` says already is only counted.
    """
    if not changes:
        return []
    steps = {_step(change) for change in shown}
    left = [change for change in changes if change.differs or _lock_step(change) not in steps]
    folded = len(changes) - len(left)
    told = f", {folded:,} of them shown above" if left else ", all shown above"
    heading = f" {count(len(changes), 'change')}{told if folded else ''}"
    return [(Styled("Lock:", "bold"), heading), *difference_lines(left, verbose=verbose)]


def _step(change: Change) -> tuple[Action, str, str, str] | None:
    """Say what a line of the environment shows, to be compared with one of the lock."""
    if change.action is Action.NO_OP:
        return None
    return change.action, subject(change.address), _number(change.before), _number(change.after)


def _number(side: Side | None) -> str:
    return (side.version or "") if side is not None else ""


def _lock_step(change: LockChange) -> tuple[Action, str, str, str]:
    # A version may be followed by its origin, which the line above shows by itself or not at all.
    before, after = ((label or "").partition(" (")[0] for label in (change.before, change.after))
    return LOCK_ACTIONS[change.kind], change.name, before, after


LOCK_ACTIONS = {
    ADDED: Action.CREATE,
    REMOVED: Action.DELETE,
    UP: Action.UPDATE,
    DOWN: Action.UPDATE,
    CHANGED: Action.UPDATE,
}


def carried_lines(plan: Plan, *, verbose: bool) -> list[Line]:
    """Tell in one line what data of tools comes along with the changes; with ``verbose`` where it lies."""
    if not plan.carried or (plan.is_empty and not verbose):
        return []
    lines: list[Line] = [summarise_carried(plan)]
    if verbose:
        lines += [f"  {file.path}  {size(file.size)}" for file in plan.carried]
    return lines


def summarise_carried(plan: Plan) -> str:
    """Write what data comes along: how many files and folders, and how large they are together."""
    total = sum(file.size for file in plan.carried)
    return f"Carried along: data of tools in {count(len(plan.carried), 'place')}, {size(total)}"


def policy_lines(verdicts: tuple[Verdict, ...]) -> list[Line]:
    """Write what policy says, what it forbids first."""
    if not verdicts:
        return []
    lines: list[Line] = [(Styled("Policy:", "bold"), f" {count(len(verdicts), 'finding')}")]
    for verdict in sorted(verdicts, key=lambda each: (each.waived is not None, each.mode != "enforce")):
        if verdict.waived is not None:
            word = Styled("waived ", "dim")
            rest = f" {_where(verdict)} (waived: {verdict.waived})"
        elif verdict.mode == "enforce":
            word, rest = Styled("denied ", "red"), f" {_where(verdict)}"
        else:
            word, rest = Styled("warning", "yellow"), f" {_where(verdict)}"
        lines.append(("  ", word, rest))
    return lines


def _where(verdict: Verdict) -> str:
    return f"{verdict.rule}: {subject(verdict.address)}: {verdict.message}"


def _diagnostic_lines(plan: Plan, *, verbose: bool) -> list[Line]:
    lines: list[Line] = []
    for each in plan.diagnostics:
        if each.level == "warning":
            lines.append((Styled("warning:", "yellow"), f" {each.message} [{each.code}]"))
        elif verbose or each.code == MERGE:
            lines.append((Styled("note:", "cyan"), f" {each.message}"))
    return lines


def summarise_in_words(plan: Plan) -> str:
    """Write the last line: ``Plan: 3 to create, 1 to update.`` or ``No changes.``."""
    if plan.is_empty:
        return "No changes."
    summary = summarise(plan)
    parts = [
        f"{number} to {word}"
        for number, word in (
            (summary.create, "create"),
            (summary.update, "update"),
            (summary.replace, "replace"),
            (summary.delete, "delete"),
        )
        if number
    ]
    rest = []
    if plan.lock_text is not None:
        rest.append(
            f"{count(summary.lock_changes, 'change')} to the lock"
            if summary.lock_changes
            else "the lock is written anew"
        )
    if summary.download_bytes:
        rest.append(f"{size(summary.download_bytes)} to download")
    words = "; ".join([", ".join(parts) or "nothing to change in the environment", *rest])
    denied = "" if plan.applyable else " Policy forbids it."
    return f"Plan: {words}.{denied}"
