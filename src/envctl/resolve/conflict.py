"""Why nothing satisfies what is asked: facts as values, and the words for them."""

from __future__ import annotations

import re
from itertools import groupby
from typing import assert_never

from envctl.errors import ResolutionError
from envctl.frozen import dataclass
from envctl.resolve.files import RefusalKind

_UNLISTED = "Look at its spelling, and at the `url` of each `[[index]]`"

# So many requirements of one package on another are told.
_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A list of the manifest asks: ``by`` is ``env.toml`` or ``group dev``, ``where`` file and line."""

    by: str
    requirement: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Releases of a project require something. ``versions`` are spans, such as ``1.0 to 2.3``."""

    name: str
    versions: tuple[str, ...]
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A constraint of the manifest takes part."""

    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """No index that may serve a project lists it; ``near`` are names that exist."""

    name: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMatch:
    """No version is in a specifier; ``newest`` are the newest that exist, newest first."""

    name: str
    requirement: str
    newest: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Releases that would do have nothing that counts, for one reason.

    ``details`` are tags, specifiers or moments, a few of them.
    """

    name: str
    versions: tuple[str, ...]
    kind: RefusalKind
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TooHard:
    """The search was given up; there may be a solution."""


Fact = Ask | Demand | Limit | Absent | NoMatch | Unusable | TooHard


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """What cannot be, for one target. ``python`` is the full version that was looked at."""

    target: str
    python: str
    facts: tuple[Fact, ...]


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
    return tuple(lines)


def make_error(conflict: Conflict) -> ResolutionError:
    """Make the error of a conflict: its code, one sentence, the place of the first list that asks, hints.

    Codes: `no-such-package`, `no-matching-version`, `python-too-old`, `python-too-new`,
    `no-usable-file`, `too-hard`, and `no-solution` where several statements disagree.
    """
    code, message, hints = _summarise(conflict)
    where = next((fact.where for fact in conflict.facts if isinstance(fact, Ask) and fact.where), None)
    return ResolutionError(code, message, where=where, hints=hints, conflict=conflict)


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
            message = "no solution was found after trying thousands of releases"
            return "too-hard", message, ("Narrow a requirement with a lower bound", *explain(conflict)[:8])
        case _:
            return "no-solution", _contradiction(conflict), explain(conflict)[:12]


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
    disputed = _project(statements[-1].requirement)
    about = [fact for fact in statements if _project(fact.requirement) == disputed]
    first, *others = about if len(about) > 1 else statements
    message = _say(first, conflict)
    return (
        f"{message}, but {_say(others[-1], conflict)}" if others else f"{message}, and nothing satisfies that"
    )


def _who(conflict: Conflict, name: str) -> str:
    """Say who asks for a project: the package that requires it, else the list."""
    about = [
        fact
        for fact in conflict.facts
        if isinstance(fact, Ask | Demand) and _project(fact.requirement) == name
    ]
    nearest = [fact for fact in about if isinstance(fact, Demand)] or about
    if not nearest:
        return f"{name} is needed"
    return _say(nearest[-1], conflict)


def _subject(fact: Fact) -> object:
    """Return what facts are told together by: for demands, who requires what; else the fact itself."""
    return (fact.name, _project(fact.requirement)) if isinstance(fact, Demand) else fact


def _project(requirement: str) -> str:
    """Return the name a normalised requirement begins with."""
    return re.split(r"[^a-z0-9-]", requirement, maxsplit=1)[0]


def _say(fact: Fact, conflict: Conflict) -> str:
    match fact:
        case Ask():
            return f"{fact.by} asks for `{fact.requirement}`"
        case Demand():
            return f"{fact.name} {_spans(fact.versions)} requires `{fact.requirement}`"
        case Limit():
            return f"a constraint says `{fact.requirement}`"
        case Absent():
            return f"no index lists `{fact.name}`"
        case NoMatch():
            newest = f"; there are {', '.join(fact.newest)}" if fact.newest else ""
            return f"no version of {fact.name} is `{fact.requirement}`{newest}"
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
            return f"has wheels for {details}{more}, none for {conflict.target} with Python {conflict.python}"
        case RefusalKind.PYTHON:
            return f"needs Python {details}{more}, and this is {conflict.python}"
        case RefusalKind.BUILD:
            return "would have to be built, and `[build] allow` does not name it"
        case RefusalKind.NO_BINARY:
            return "has wheels only that `[build] no-binary` rules out"
        case RefusalKind.TOO_NEW:
            return (
                f"does not count because of `[lock] exclude-newer`: {fact.details[0] if fact.details else ''}"
            )
        case RefusalKind.YANKED:
            given = next((detail for detail in fact.details if detail), "")
            return "is yanked" + (f": {given}" if given else "")
        case RefusalKind.PRERELEASE:
            return "is a pre-release, and `[lock] prerelease` does not let it in"
        case RefusalKind.METADATA:
            return f"cannot be used: {fact.details[0] if fact.details else ''}"


def _spans(versions: tuple[str, ...]) -> str:
    return ", ".join(versions[:4]) + (f" and {len(versions) - 4} more" if len(versions) > 4 else "")
