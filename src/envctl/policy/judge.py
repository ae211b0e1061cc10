"""What policy says of a plan. Pure: facts and the day are handed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta

from envctl.model.change import Change, Diagnostic, Verdict
from envctl.model.selection import Selection
from envctl.model.tables import PolicySettings, Rule, Waiver
from envctl.policy.facts import NOTHING_KNOWN, Facts
from envctl.policy.rules import NEEDS, RULES, Case, Finding, find_turns
from envctl.policy.settings import matches

_ON_BY_DEFAULT = frozenset({"yanked", "archived", "startup-hooks"})


def judge(
    changes: Iterable[Change],
    selection: Selection,
    facts: Facts,
    settings: PolicySettings,
    today: date,
) -> tuple[Verdict, ...]:
    """Judge a plan by every rule that is on, sorted by rule, address and message.

    A verdict that a waiver covers is there with the waiver's reason. What could not be judged at all is
    for `diagnose` to say.
    """
    case = Case(changes=tuple(changes), selection=selection, facts=facts, today=today)
    verdicts = [
        _pronounce(finding, rule, settings.waivers, today)
        for rule in _active(settings)
        if rule.name in RULES
        for finding in RULES[rule.name](case, rule)
    ]
    return tuple(sorted(verdicts, key=lambda verdict: (verdict.rule, verdict.address, verdict.message)))


def diagnose(
    settings: PolicySettings,
    *,
    facts: Facts = NOTHING_KNOWN,
    names: Collection[str] = (),
    today: date | None = None,
) -> tuple[Diagnostic, ...]:
    """Say which rules are on and were not checked, and, given ``today``, which waivers are over.

    ``names`` are those of the pins. A rule that the manifest does not set, and that is on all the same,
    is an ``info`` instead of a ``warning``.
    """
    found = [
        Diagnostic(
            level="info" if _is_default(rule) else "warning",
            code="policy-not-checked",
            message=f"policy `{rule.name}` was not checked: {why}",
        )
        for rule in _active(settings)
        if (why := _explain_gap(rule, facts, names)) is not None
    ]
    found += [
        Diagnostic(
            level="warning",
            code="waiver-expired",
            message=f"the waiver of `{waiver.rule}` for {waiver.package} ended on {waiver.until}",
        )
        for waiver in settings.waivers
        if today is not None and _is_over(waiver, today)
    ]
    return tuple(found)


def find_next_turn(selection: Selection, settings: PolicySettings, today: date) -> date | None:
    """Find the next day on which a verdict may be another one though nothing else changed.

    None when time changes nothing. Until that day, equal inputs have equal verdicts.
    """
    case = Case(changes=(), selection=selection, facts=NOTHING_KNOWN, today=today)
    turns = [
        turn
        for rule in _active(settings)
        if rule.name in {"min-age", "max-age"}
        for turn in find_turns(case, rule)
    ]
    turns += [
        waiver.until + timedelta(days=1)
        for waiver in settings.waivers
        if waiver.until is not None and not _is_over(waiver, today)
    ]
    return min(turns, default=None)


def _active(settings: PolicySettings) -> Iterator[Rule]:
    return (rule for _, rule in sorted(settings.rules.items()) if rule.mode != "off")


def _is_default(rule: Rule) -> bool:
    """Tell whether a rule is as it is when the manifest says nothing of it."""
    return rule.name in _ON_BY_DEFAULT and rule.mode == "warn" and not rule.settings


def _pronounce(finding: Finding, rule: Rule, waivers: tuple[Waiver, ...], today: date) -> Verdict:
    fitting = [
        waiver for waiver in waivers if waiver.rule == rule.name and matches(finding.name, (waiver.package,))
    ]
    waived = next((waiver for waiver in fitting if not _is_over(waiver, today)), None)
    return Verdict(
        rule=rule.name,
        mode=rule.mode,
        address=finding.address or f"package.{finding.name}",
        message=finding.message,
        waived=None if waived is None else waived.reason or "no reason given",
    )


def _is_over(waiver: Waiver, today: date) -> bool:
    """Tell whether a waiver's last day is behind us."""
    return waiver.until is not None and waiver.until < today


def _explain_gap(rule: Rule, facts: Facts, names: Collection[str]) -> str | None:
    """Say what a rule lacks to be judged by, None when it lacks nothing."""
    if rule.name not in RULES:
        return "this version of envctl does not gather what it needs"
    needs = NEEDS.get(rule.name, ())
    if needs and not any(need in rule.settings for need in needs):
        return f"it has no {' or '.join(f'`{need}`' for need in needs)}"
    if (rule.name == "yanked" and facts.yanked is None) or (rule.name == "archived" and facts.status is None):
        return "nobody asked the indexes"
    if rule.name == "startup-hooks":
        if facts.hooks is None:
            return "the wheels were not looked into"
        unknown = sorted(set(names) - set(facts.hooks))
        if unknown:
            return f"the wheels of {', '.join(unknown)} are not here yet; it is asked again at apply"
    return None
