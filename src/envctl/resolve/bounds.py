"""Changes of bounds that may end a conflict: in lists, constraints and overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envctl.frozen import replace
from envctl.manifest.manifest import Asked
from envctl.model.dependency import AnyRequirement
from envctl.resolve.facts import Ask, Conflict, Demand, Limit, Remedy, RemedyKind, Replaced, project_of
from envctl.resolve.proposal import Proposal
from envctl.resolve.request import Request
from envctl.resolve.want import want_from


def drop(fact: Limit | Replaced, request: Request, about: tuple[str, ...]) -> Proposal:
    """Take a constraint or an override out."""

    def without(limits: Sequence[AnyRequirement]) -> tuple[AnyRequirement, ...]:
        return tuple(limit for limit in limits if want_from(limit).text != fact.requirement)

    if isinstance(fact, Limit):
        kind, key = RemedyKind.CONSTRAINT, "constraints"
        changed = replace(request, constraints=without(request.constraints))
    else:
        kind, key = RemedyKind.OVERRIDE, "overrides"
        changed = replace(request, overrides=without(request.overrides))
    place = f" ({fact.where})" if fact.where else ""
    text = f"Take `{fact.requirement}` out of `[lock] {key}`{place}"
    return Proposal(remedy=Remedy(kind=kind, text=text, where=fact.where), request=changed, about=about)


def lift(asks: Sequence[Ask], request: Request, about: tuple[str, ...]) -> Iterator[Proposal]:
    """Write an entry of a list with one bound less, upper bounds first; else without any."""
    entries = [(ask, asked) for ask in asks if (asked := _find(ask, request)) is not None]
    bounds = [
        (ask, asked, one) for ask, asked in entries for one in sorted(map(str, asked.requirement.specifier))
    ]
    bounds.sort(key=lambda bound: bound[2].startswith((">", "!")))
    fewer = [
        (
            ask,
            asked,
            ",".join(sorted(str(other) for other in asked.requirement.specifier if str(other) != one)),
        )
        for ask, asked, one in bounds
    ]
    fewer += [(ask, asked, "") for ask, asked in entries if len(asked.requirement.specifier) > 1]
    for ask, asked, specifier in fewer:
        written = _write(asked, specifier)
        text = f"Write `{written.requirement}` instead of `{asked.requirement}` in {ask.where}"
        yield Proposal(
            remedy=Remedy(kind=RemedyKind.BOUND, text=text, where=ask.where),
            request=_exchange(request, {asked: written}),
            about=about,
        )


def lift_all(asks: Sequence[Ask], request: Request, about: tuple[str, ...]) -> Iterator[Proposal]:
    """Write all entries that take part without bounds."""
    found = [asked for ask in asks if (asked := _find(ask, request)) is not None]
    lifted = {asked: _write(asked, "") for asked in found if asked.requirement.specifier}
    if len(lifted) > 1:
        names = " and ".join(f"`{asked.requirement}` ({asked.where})" for asked in lifted)
        yield Proposal(
            remedy=Remedy(kind=RemedyKind.BOUND, text=f"Loosen the bounds of {names}"),
            request=_exchange(request, lifted),
            about=about,
            is_last_resort=True,
        )


def exchange_bound(ask: Ask, request: Request, specifier: str) -> Request | None:
    """Write another specifier for an entry of a list; None where it has a URL or cannot be found."""
    asked = _find(ask, request)
    return None if asked is None else _exchange(request, {asked: _write(asked, specifier)})


def _write(asked: Asked, specifier: str) -> Asked:
    requirement = Requirement(str(asked.requirement))
    requirement.specifier = SpecifierSet(specifier)
    return replace(asked, requirement=requirement)


def _find(ask: Ask, request: Request) -> Asked | None:
    """Return the entry that a fact is about, if it may have a specifier and no override stands for it."""
    lists = (request.base, *request.groups.values(), *request.extras.values())
    for asked in chain.from_iterable(lists):
        is_it = (asked.by, asked.where) == (ask.by, ask.where)
        if is_it and asked.requirement.url is None and want_from(asked.requirement).text == ask.requirement:
            return asked
    return None


def _exchange(request: Request, entries: Mapping[Asked, Asked]) -> Request:
    def exchanged(several: Sequence[Asked]) -> tuple[Asked, ...]:
        return tuple(entries.get(asked, asked) for asked in several)

    return replace(
        request,
        base=exchanged(request.base),
        groups={name: exchanged(several) for name, several in request.groups.items()},
        extras={name: exchanged(several) for name, several in request.extras.items()},
    )


def edit_sources(conflict: Conflict, request: Request, about: tuple[str, ...]) -> Iterator[Proposal]:
    """Change what a source on this machine requires; what it would require then, nobody knows yet."""
    for fact in conflict.facts:
        if isinstance(fact, Demand) and fact.where and project_of(fact.requirement) in about:
            text = f"Change what {fact.name} requires, `{fact.requirement}`, in `{fact.where}`"
            yield Proposal(
                remedy=Remedy(kind=RemedyKind.SOURCE, text=text, where=fact.where),
                request=request,
                is_likely=True,
            )


def force(conflict: Conflict, request: Request, about: tuple[str, ...]) -> Iterator[Proposal]:
    """Override what a package says of itself: the last resort of who knows better."""
    for name in about:
        claims: list[Ask | Demand] = [
            fact
            for kind in (Ask, Demand)
            for fact in conflict.facts
            if isinstance(fact, kind) and project_of(fact.requirement) == name
        ]
        if not claims:
            continue
        wished = Requirement(claims[0].requirement)
        wished.extras = set()
        ignored = [
            fact
            for fact in claims[1:]
            if isinstance(fact, Demand) and fact.requirement != claims[0].requirement
        ]
        if ignored:
            who = " and ".join(
                dict.fromkeys(f"{fact.name} ({fact.where})" if fact.where else fact.name for fact in ignored)
            )
            yield Proposal(
                remedy=Remedy(
                    kind=RemedyKind.FORCE,
                    text=f'If {who} works with it all the same: `[lock] overrides = ["{wished}"]`',
                ),
                request=replace(request, overrides=(*request.overrides, wished)),
                about=about,
                is_last_resort=True,
            )
