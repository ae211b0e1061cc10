"""Changes that let in what did not count: pre-releases, new and yanked releases, builds, other Pythons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from operator import attrgetter

from packaging.requirements import Requirement

from envctl.frozen import replace
from envctl.model.target import Target
from envctl.model.targets import is_known, make_target
from envctl.resolve.bounds import exchange_bound
from envctl.resolve.facts import (
    Absent,
    Ask,
    Conflict,
    Demand,
    Limit,
    NoMatch,
    Remedy,
    RemedyKind,
    Unusable,
    project_of,
)
from envctl.resolve.files import RefusalKind, Yardstick
from envctl.resolve.listing import newest_first
from envctl.resolve.port import Project
from envctl.resolve.proposal import Proposal
from envctl.resolve.request import Request, index_key
from envctl.resolve.universe import Universe

#: Tells what other indexes than the one named have of a project; asks them.
Elsewhere = Callable[[str, str | None], Sequence[Project]]

# Minor versions of Python 3 that may be proposed.
_MINORS = range(7, 16)
# So many of them are tried, the nearest first.
_TRIED = 3
# How many releases are looked at to learn which Pythons have files.
_LOOKED_AT = 50


def let_in(conflict: Conflict, universe: Universe, about: tuple[str, ...]) -> Iterator[Proposal]:
    """Let in what was left out: by its kind, its age, or because it would be built or was yanked."""
    request = universe.request
    for fact in conflict.facts:
        if not isinstance(fact, Unusable):
            continue
        name = fact.name
        match fact.kind:
            case RefusalKind.PRERELEASE:
                yield _allow_prereleases(request, (name,), about)
                yield _allow_necessary(request, about)
            case RefusalKind.TOO_NEW:
                yield from _end_cooldown(conflict, universe, name, about)
            case RefusalKind.YANKED:
                yield from _ask_exactly(fact, conflict, request)
            case RefusalKind.BUILD | RefusalKind.NO_BINARY:
                yield _allow_build(request, fact, about)
            case RefusalKind.TAGS | RefusalKind.PYTHON | RefusalKind.METADATA:
                pass
    yield from _allow_newer_prereleases(conflict, universe, about)


def _allow_prereleases(request: Request, names: tuple[str, ...], about: tuple[str, ...]) -> Proposal:
    mode = request.prerelease.get("*", "if-necessary")
    entries = ", ".join(f'{name} = "allow"' for name in names)
    return Proposal(
        remedy=Remedy(
            kind=RemedyKind.PRERELEASE,
            text=f'Let pre-releases in: `[lock] prerelease = {{ "*" = "{mode}", {entries} }}`',
        ),
        request=replace(request, prerelease={**request.prerelease, **dict.fromkeys(names, "allow")}),
        about=about,
    )


def _allow_necessary(request: Request, about: tuple[str, ...]) -> Proposal:
    """Let in all pre-releases that nothing can do without."""
    text = 'Let in pre-releases where there is nothing else: `[lock] prerelease = "if-necessary"`'
    return Proposal(
        remedy=Remedy(kind=RemedyKind.PRERELEASE, text=text),
        request=replace(request, prerelease={"*": "if-necessary"}),
        about=about,
    )


def _allow_newer_prereleases(
    conflict: Conflict, universe: Universe, about: tuple[str, ...]
) -> Iterator[Proposal]:
    """Let in pre-releases of a project that takes part and has newer ones than its newest final release."""
    told = {fact.name for fact in conflict.facts if isinstance(fact, Unusable)}
    named = [fact.name for fact in conflict.facts if isinstance(fact, Demand)]
    named += [project_of(fact.requirement) for fact in conflict.facts if isinstance(fact, Ask | Demand)]
    for name in dict.fromkeys(named):
        if name in told or universe.request.prerelease_mode(name) == "allow":
            continue
        listing = universe.listing(name)
        if listing.artifact is None and listing.versions and not listing.is_final(0):
            yield _allow_prereleases(universe.request, (name,), about)


def _end_cooldown(
    conflict: Conflict, universe: Universe, name: str, about: tuple[str, ...]
) -> Iterator[Proposal]:
    """Let a project in before its time; or wait, or move the moment, until the first release counts."""
    request = universe.request
    general = ""
    if "*" in request.exclude_newer:
        general = f'"*" = {_write_limit(request)}, '
    yield Proposal(
        remedy=Remedy(
            kind=RemedyKind.COOLDOWN,
            text=f"Let {name} in before its time: `[lock] exclude-newer = {{ {general}{name} = false }}`",
        ),
        request=replace(request, exclude_newer={**request.exclude_newer, name: None}),
        about=about,
    )
    first = _first_upload(conflict, universe, name)
    if first is None:
        return
    index = universe.listing(name).index
    key = request.limit_key(name, index)
    table, of = ("[lock]", "") if key != index_key(index or "") else ("[[index]]", f" of the index {index}")
    if key in request.cooldowns:
        counts = first + request.cooldowns[key]
        text = (
            f"Wait until {counts.strftime('%Y-%m-%d %H:%M')} UTC, when `{table} exclude-newer`{of} lets it in"
        )
    else:
        day = first.date()
        first = datetime.combine(day, time.max, UTC)
        text = f'Move the day: `{table} exclude-newer = "{day.isoformat()}"`{of}'
    yield Proposal(
        remedy=Remedy(kind=RemedyKind.COOLDOWN, text=text),
        request=replace(request, exclude_newer={**request.exclude_newer, key: first}),
        about=about,
    )


def _write_limit(request: Request) -> str:
    """Write the general limit as the manifest might have it."""
    span, moment = request.cooldowns.get("*"), request.exclude_newer["*"]
    if span is not None:
        hours = span // timedelta(hours=1)
        return f'"{hours // 24} days"' if hours % 24 == 0 else f'"{hours} hours"'
    if moment is None:
        return "false"
    is_day = moment.time() == time.max
    return f'"{moment.date() if is_day else moment.isoformat(timespec="seconds")}"'


def _first_upload(conflict: Conflict, universe: Universe, name: str) -> datetime | None:
    """Return when the first release that only its age keeps out was uploaded, in UTC."""
    moments = []
    for position in newest_first(_wanted(conflict, universe, name)):
        for file in universe.offer(name, position).late:
            try:
                moment = datetime.fromisoformat(file.upload_time or "")
            except ValueError:
                continue
            moments.append(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    return min(moments, default=None)


def _wanted(conflict: Conflict, universe: Universe, name: str) -> int:
    """Return the releases of a project that all statements about it allow, as a mask."""
    listing = universe.listing(name)
    mask = listing.all
    for fact in conflict.facts:
        if isinstance(fact, Ask | Demand | Limit) and project_of(fact.requirement) == name:
            mask &= listing.mask(Requirement(fact.requirement).specifier)
    return mask


def _ask_exactly(fact: Unusable, conflict: Conflict, request: Request) -> Iterator[Proposal]:
    """Ask for the newest yanked release by its very version, where a list of the manifest asks for it."""
    newest = fact.versions[-1].rpartition(" ")[2]
    for ask in conflict.facts:
        if isinstance(ask, Ask) and project_of(ask.requirement) == fact.name:
            changed = exchange_bound(ask, request, f"=={newest}")
            if changed is not None:
                text = f"Take the yanked release: `{fact.name}=={newest}` in {ask.where}"
                yield Proposal(
                    remedy=Remedy(kind=RemedyKind.YANKED, text=text, where=ask.where), request=changed
                )


def _allow_build(request: Request, fact: Unusable, about: tuple[str, ...]) -> Proposal:
    """Let a source distribution be built; only the build can tell whether it works."""
    permission = request.permission
    name = fact.name
    kind = RemedyKind.BUILD
    text = f'To let it be built from source: `[build] allow = ["{name}"]`'
    allow = permission.allow if isinstance(permission.allow, bool) else permission.allow | {name}
    if fact.kind is RefusalKind.NO_BINARY:
        kind = RemedyKind.NO_BINARY
        text += f", or take `{name}` out of `[build] no-binary`"
        permission = replace(permission, no_binary=permission.no_binary - {name})
    elif name in permission.deny:
        text = f"To let it be built from source: take `{name}` out of `[build] deny`"
    return Proposal(
        remedy=Remedy(kind=kind, text=text),
        request=replace(
            request,
            permission=replace(permission, allow=allow or frozenset({name}), deny=permission.deny - {name}),
        ),
        about=about,
        is_likely=True,
    )


# Indexes -----------------------------------------------------------------------------------------


def other_indexes(
    conflict: Conflict, universe: Universe, about: tuple[str, ...], elsewhere: Elsewhere
) -> Iterator[Proposal]:
    """Take a project of which an index has no release that would do from another index that has it."""
    names = [fact.name for fact in conflict.facts if isinstance(fact, Absent | NoMatch | Unusable)]
    for name in dict.fromkeys(names):
        listing = universe.listing(name)
        for project in () if listing.artifact is not None else elsewhere(name, listing.index):
            text = f'Take {name} from another index: `[sources] {name} = {{ index = "{project.index}" }}`'
            yield Proposal(
                remedy=Remedy(kind=RemedyKind.INDEX, text=text),
                request=universe.request,
                about=about,
                project=project,
            )


# Pythons -----------------------------------------------------------------------------------------


def other_pythons(
    conflict: Conflict, universe: Universe, about: tuple[str, ...], *, key: str = 'python = "{}"'
) -> Iterator[Proposal]:
    """Propose the nearest Pythons for which what has nothing usable here has files.

    ``key`` is what is to be written, with a place for the Python.
    """
    names = {
        fact.name
        for fact in conflict.facts
        if isinstance(fact, Unusable) and fact.kind in {RefusalKind.PYTHON, RefusalKind.TAGS}
    }
    if names:
        fitting = (
            target
            for target in _neighbours(universe.target)
            if all(_has_files(conflict, universe, name, target) for name in names)
        )
        for target in islice(fitting, _TRIED):
            text = f"Use Python {target.python}: `{key.format(target.python)}`"
            yield Proposal(
                remedy=Remedy(kind=RemedyKind.PYTHON, text=text),
                request=universe.request,
                about=about,
                targets=(target,),
                is_likely=True,
            )


def _neighbours(target: Target) -> Iterator[Target]:
    """Yield the same platform with other Pythons of the same kind, the nearest first."""
    found = re.fullmatch(r"([a-z]*)3\.(\d+)(?:\.\d+)?(t?)", target.python)
    if found is None:
        return
    own = int(found[2])
    for minor in sorted(_MINORS, key=lambda minor: (abs(minor - own), -minor)):
        python = f"{found[1]}3.{minor}{found[3]}"
        if minor != own and is_known(target.name, python):
            yield make_target(target.name, python)


def _has_files(conflict: Conflict, universe: Universe, name: str, target: Target) -> bool:
    yardstick = Yardstick(universe.request, target)
    listing = universe.listing(name)
    positions = islice(newest_first(_wanted(conflict, universe, name)), _LOOKED_AT)
    return any(
        yardstick.measure(name, listing.files(position), listing.index).fresh for position in positions
    )


def fewer_targets(request: Request, failed: Sequence[Target], others: Sequence[Target]) -> Iterator[Proposal]:
    """Propose to lock for those targets only that did not fail, where one name less leaves just them."""
    for what, key in (("targets", attrgetter("name")), ("python", attrgetter("python"))):
        names = {key(target) for target in failed}
        if others and len(names) == 1 and names.isdisjoint(map(key, others)):
            text = f"Take `{names.pop()}` out of `[lock] {what}`: the other targets work"
            yield Proposal(
                remedy=Remedy(kind=RemedyKind.TARGET, text=text), request=request, targets=tuple(others)
            )
