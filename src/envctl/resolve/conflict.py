"""The words for why nothing satisfies what is asked; `facts.py` has the values."""

from __future__ import annotations

from itertools import groupby
from typing import assert_never

from envctl.errors import ResolutionError
from envctl.resolve.facts import (
    Absent,
    Ask,
    Conflict,
    Demand,
    Fact,
    Limit,
    NoMatch,
    Remedy,
    RemedyKind,
    Replaced,
    TooHard,
    Tried,
    Unusable,
    project_of,
)
from envctl.resolve.files import RefusalKind
from envctl.resolve.tags import describe_tags

__all__ = [
    "Absent", "Ask", "Conflict", "Demand", "Fact", "Limit", "NoMatch", "Remedy", "RemedyKind", "Replaced",
    "TooHard", "Tried", "Unusable", "explain", "make_error",
]  # fmt: skip

_UNLISTED = "Look at its spelling, and at the `url` of each `[[index]]`"

# So many requirements of one package on another are told.
_TOLD = 3
# So many remedies are hints of an error; its document has all.
_HINTS = 4
# What was tried is worth a line from so many releases on.
_MANY = 20


def explain(conflict: Conflict) -> tuple[str, ...]:
    """Put a conflict into lines for people, one fact a line: who asks first, then what stands against.

    Of many releases that each require something else of one project, the newest are told.
    """
    lines: list[str] = []
    for _, group in groupby(conflict.facts, key=_subject):
        facts = list(group)
        told = facts if len(facts) <= _TOLD + 1 else facts[:_TOLD]
        lines += [_say(fact, conflict) for fact in told]
        last = facts[-1]
        if len(told) < len(facts) and isinstance(last, Demand):
            count = len(facts) - len(told)
            lines.append(f"{last.name} has {count} more requirements like this, down to `{last.requirement}`")
    if conflict.tried is not None and conflict.tried.releases >= _MANY:
        lines.append(f"tried {conflict.tried.releases} releases of {conflict.tried.projects} packages")
    return tuple(lines)


def make_error(conflict: Conflict) -> ResolutionError:
    """Make the error of a conflict: its code, one sentence, the place of the first list that asks, hints.

    Codes: `no-such-package`, `no-matching-version`, `python-too-old`, `python-too-new`,
    `no-usable-file`, `too-hard`, and `no-solution` where several statements disagree.
    """
    code, message, hints = _summarise(conflict)
    if conflict.remedies:
        known = hints if any(isinstance(fact, Absent | NoMatch) for fact in conflict.facts) else ()
        hints = (*(remedy.text for remedy in conflict.remedies[:_HINTS]), *known)
    elif code == "no-solution":
        hints = explain(conflict)[:12]
    if code == "no-solution":
        hints = (*hints, *_keep_apart(conflict))
    where = next((fact.where for fact in conflict.facts if isinstance(fact, Ask) and fact.where), None)
    return ResolutionError(code, message, where=where, hints=hints, conflict=conflict)


def _keep_apart(conflict: Conflict) -> tuple[str, ...]:
    """Say how two groups or extras that cannot be together can be told apart, where it is those two."""
    lists = sorted({fact.by for fact in conflict.facts if isinstance(fact, Ask)})
    members = [by.split() for by in lists if by.startswith(("group ", "extra "))]
    if len(members) != 2:
        return ()
    both = ", ".join(f'{{{kind} = "{name}"}}' for kind, name in members)
    return (f"Where no environment needs both: `[lock] conflicts = [[{both}]]`",)


def _summarise(conflict: Conflict) -> tuple[str, str, tuple[str, ...]]:
    blockers = [fact for fact in conflict.facts if isinstance(fact, Absent | NoMatch | Unusable | TooHard)]
    match blockers:
        case [Absent() as fact]:
            hints = tuple(f"Did you mean `{name}`?" for name in fact.near[:3]) or (_UNLISTED,)
            return "no-such-package", f"{_who(conflict, fact.name)}, which no index lists", hints
        case [NoMatch() as fact]:
            return _summarise_no_match(conflict, fact)
        case [Unusable(), *_] if len({getattr(fact, "name", "") for fact in blockers}) == 1:
            return _summarise_unusable(conflict, [fact for fact in blockers if isinstance(fact, Unusable)])
        case [TooHard()]:
            releases = 0 if conflict.tried is None else conflict.tried.releases
            message = f"no solution was found in reasonable time; {releases} releases were tried"
            return "too-hard", message, ("Narrow a requirement with a lower bound", *explain(conflict)[:8])
        case _:
            return "no-solution", _contradiction(conflict), ()


def _summarise_no_match(conflict: Conflict, fact: NoMatch) -> tuple[str, str, tuple[str, ...]]:
    message = f"{_who(conflict, fact.name)}, and no version of {fact.name} fits"
    if not fact.newest:
        hint = "Another index may have some: `[sources]` says which one a name comes from"
        return "no-matching-version", f"{message}: its index lists no files", (hint,)
    single = f"There is {fact.newest[0]} only; a requirement that lets it in would do"
    hints = (f"There are {', '.join(fact.newest)}",) if len(fact.newest) > 1 else (single,)
    return "no-matching-version", f"{message}; the newest is {fact.newest[0]}", hints


def _summarise_unusable(conflict: Conflict, facts: list[Unusable]) -> tuple[str, str, tuple[str, ...]]:
    """Choose the reason that the user can do most about, and say the others below it."""
    order = (
        RefusalKind.BUILD, RefusalKind.NO_BINARY, RefusalKind.PYTHON, RefusalKind.TOO_NEW,
        RefusalKind.YANKED, RefusalKind.PRERELEASE, RefusalKind.METADATA, RefusalKind.TAGS,
    )  # fmt: skip
    facts = sorted(facts, key=lambda fact: order.index(fact.kind))
    first = facts[0]
    who = _who(conflict, first.name)
    others = tuple(_say(fact, conflict) for fact in facts[1:])
    match first.kind:
        case RefusalKind.PYTHON:
            code = _python_code(first, conflict)
            message = f"{who}, but {_say(first, conflict)}"
            return code, message, (_other_python(code, first.name), *others)
        case RefusalKind.TOO_NEW | RefusalKind.YANKED | RefusalKind.PRERELEASE:
            return "no-matching-version", f"{who}, but {_say(first, conflict)}", (*_advice(first), *others)
        case RefusalKind.METADATA:
            return "no-usable-file", f"{who}, but {_say(first, conflict)}", others
        case _:
            place = f"{conflict.target} with Python {conflict.python}"
            message = f"{who}, but no file of {first.name} {_spans(first.versions)} can be used on {place}"
            return "no-usable-file", message, (_say(first, conflict), *_advice(first), *others)


def _advice(fact: Unusable) -> tuple[str, ...]:
    match fact.kind:
        case RefusalKind.BUILD | RefusalKind.NO_BINARY:
            return (f'To let it be built from source: `[build] allow = ["{fact.name}"]`',)
        case RefusalKind.YANKED:
            return ("A yanked version is taken when it is asked for exactly, with `==`",)
        case RefusalKind.PRERELEASE:
            return (f'To take it: `[lock] prerelease = {{ "*" = "if-necessary", {fact.name} = "allow" }}`',)
        case RefusalKind.TOO_NEW:
            return (f"To take it: `[lock] exclude-newer = {{ {fact.name} = false }}` beside what `*` says",)
        case RefusalKind.TAGS | RefusalKind.PYTHON | RefusalKind.METADATA:
            return ()


def _python_code(fact: Unusable, conflict: Conflict) -> str:
    """Tell too old from too new by the clauses: an upper bound alone makes a Python too new."""
    lower = any(sign in detail for detail in fact.details for sign in (">", "~=", "=="))
    upper = all("<" in detail for detail in fact.details)
    if lower and upper:
        floor = [int(part) for part in conflict.python.split(".")[:2] if part.isdigit()]
        starts = [
            [int(number) for number in clause.strip(" >=~").split(".")[:2] if number.isdigit()]
            for detail in fact.details
            for clause in detail.split(",")
            if clause.strip().startswith((">", "~="))
        ]
        return "python-too-old" if all(start > floor for start in starts) else "python-too-new"
    return "python-too-old" if lower else "python-too-new"


def _other_python(code: str, name: str) -> str:
    which = "a newer" if code == "python-too-old" else "an older"
    return f"`python` in the manifest can ask for {which} Python; or ask for another version of {name}"


def _contradiction(conflict: Conflict) -> str:
    """Say in one sentence who disagrees: two statements about one project, the last in dispute."""
    statements = [fact for fact in conflict.facts if isinstance(fact, Ask | Demand | Limit)]
    if not statements:
        return "no set of releases satisfies what is asked"
    disputed = project_of(statements[-1].requirement)
    about = [fact for fact in statements if project_of(fact.requirement) == disputed]
    first, *others = about if len(about) > 1 else statements
    message = _claim(first)
    if not others:
        return f"{message}, and nothing satisfies that"
    last = others[-1]
    several = {fact.name for fact in others if isinstance(fact, Demand)}
    if len(others) > 1 and isinstance(last, Demand) and several == {last.name}:
        return f"{message}, and no {last.name} that fits takes that"
    return f"{message}, but {_claim(last)}"


def _who(conflict: Conflict, name: str) -> str:
    """Say who asks for a project: the package that requires it, else the list."""
    about = [
        fact
        for fact in conflict.facts
        if isinstance(fact, Ask | Demand) and project_of(fact.requirement) == name
    ]
    nearest = [fact for fact in about if isinstance(fact, Demand)] or about
    if not nearest:
        return f"{name} is needed"
    return _claim(nearest[-1])


def _subject(fact: Fact) -> object:
    """Return what facts are told together by: for demands, who requires what; else the fact itself."""
    return (fact.name, project_of(fact.requirement)) if isinstance(fact, Demand) else fact


def _claim(fact: Ask | Demand | Limit) -> str:
    """Say what is asked, without where that stands."""
    match fact:
        case Ask():
            return f"{fact.by} asks for `{fact.requirement}`"
        case Demand():
            return f"{fact.name} {_spans(fact.versions)} requires `{fact.requirement}`"
        case Limit():
            return f"a constraint says `{fact.requirement}`"
        case _:
            assert_never(fact)


def _say(fact: Fact, conflict: Conflict) -> str:
    match fact:
        case Ask() | Demand() | Limit():
            return _claim(fact) + (f" ({fact.where})" if fact.where else "")
        case Replaced():
            place = f" ({fact.where})" if fact.where else ""
            return f"an override says `{fact.requirement}`, whatever is asked of {fact.name}{place}"
        case Absent():
            return f"no index lists `{fact.name}`"
        case NoMatch():
            if not fact.newest:
                return f"the index lists no files of {fact.name}"
            return f"no version of {fact.name} is `{fact.requirement}`; there are {', '.join(fact.newest)}"
        case Unusable():
            return f"{fact.name} {_spans(fact.versions)} {_reason(fact, conflict)}"
        case TooHard():
            return "the search was given up"
        case _:
            assert_never(fact)


def _reason(fact: Unusable, conflict: Conflict) -> str:
    details = ", ".join(f"`{detail}`" for detail in fact.details[:4])
    more = f" and {len(fact.details) - 4} more" if len(fact.details) > 4 else ""
    match fact.kind:
        case RefusalKind.TAGS:
            wheels = describe_tags(fact.details) if more else details
            return f"has wheels for {wheels}, none for {conflict.target} with Python {conflict.python}"
        case RefusalKind.PYTHON:
            return f"needs Python {details}{more}, and this is {conflict.python}"
        case RefusalKind.BUILD:
            return "would have to be built, and `[build] allow` does not name it"
        case RefusalKind.NO_BINARY:
            return "has wheels only that `[build] no-binary` rules out"
        case RefusalKind.TOO_NEW:
            return f"does not count because of `exclude-newer`: {fact.details[0] if fact.details else ''}"
        case RefusalKind.YANKED:
            given = next((detail for detail in fact.details if detail), "")
            return "is yanked" + (f": {given}" if given else "")
        case RefusalKind.PRERELEASE:
            return "is a pre-release, and `[lock] prerelease` does not let it in"
        case RefusalKind.METADATA:
            return f"cannot be used: {fact.details[0] if fact.details else ''}"


def _spans(versions: tuple[str, ...]) -> str:
    return ", ".join(versions[:4]) + (f" and {len(versions) - 4} more" if len(versions) > 4 else "")
