"""From a dead end to its explanation: the smallest set of roots that fails, and the facts about it.

Deleting roots one by one needs a search each, so it uses only what is known already (a sealed shelf)
and small budgets: a root whose part in the conflict cannot be told cheaply is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envctl.resolve.conflict import Absent, Ask, Conflict, Demand, Fact, Limit, NoMatch, TooHard, Unusable
from envctl.resolve.files import RefusalKind
from envctl.resolve.listing import Unexplored, newest_first
from envctl.resolve.rank import rank
from envctl.resolve.roots import Root, distinct_wants
from envctl.resolve.search import Cause, DeadEnd, search
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want

_REJECTIONS = 200
_SEARCHES = 60


def diagnose(
    universe: Universe, roots: Sequence[Root], dead_end: DeadEnd, *, lowest: frozenset[str] | None
) -> Conflict:
    """Explain why ``roots`` have no solution, given the causes that the search ended with."""
    if not dead_end.gave_up:
        roots, dead_end = _minimise(universe, roots, dead_end, lowest)
    facts: list[Fact] = [
        Ask(by=root.asked.by, requirement=root.want.text, where=root.asked.where) for root in roots
    ]
    causes = dead_end.causes
    facts += _chain(universe, roots, causes)
    facts += _demands(universe, causes)
    for name in dict.fromkeys(cause.want.name for cause in causes):
        facts += [Limit(requirement=want.text) for want in universe.constraints(name)]
        facts += _blockers(universe, name, [cause for cause in causes if cause.want.name == name])
    if dead_end.gave_up:
        facts.append(TooHard())
    return Conflict(
        target=universe.target.name, python=universe.target.floor, facts=tuple(dict.fromkeys(facts))
    )


def _minimise(
    universe: Universe, roots: Sequence[Root], dead_end: DeadEnd, lowest: frozenset[str] | None
) -> tuple[Sequence[Root], DeadEnd]:
    """Leave roots out while what remains still fails; return the rest with its own causes."""
    kept = list(distinct_wants(roots))
    involved = {cause.want.name for cause in dead_end.causes}
    involved |= {cause.parent.name for cause in dead_end.causes if cause.parent is not None}
    universe.shelf.sealed = True
    try:
        # Mostly the culprits are among those that the causes name: one search then drops all others.
        near = [want for want in kept if want.name in involved]
        found = _fails(universe, near, lowest) if len(near) < len(kept) else None
        if found is not None:
            kept, dead_end = near, found
        for want in tuple(kept)[:_SEARCHES]:
            rest = [other for other in kept if other is not want]
            found = _fails(universe, rest, lowest)
            if found is not None:
                kept, dead_end = rest, found
    finally:
        universe.shelf.sealed = False
    return [root for root in roots if root.want in kept], dead_end


def _fails(universe: Universe, wants: Sequence[Want], lowest: frozenset[str] | None) -> DeadEnd | None:
    """Return the dead end of ``wants``, None when there is none or it cannot be told cheaply."""
    if not wants:
        return None
    try:
        result = search(universe, wants, lowest=lowest, advance=lambda _: None, rejections=_REJECTIONS)
    except Unexplored:
        return None
    return result if isinstance(result, DeadEnd) and not result.gave_up else None


def _chain(universe: Universe, roots: Sequence[Root], causes: Sequence[Cause]) -> list[Fact]:
    """Say how the roots lead to the packages that the causes are about, along likely candidates."""
    named = {root.want.name for root in roots}
    wanted = {cause.parent.name for cause in causes if cause.parent is not None} - named
    steps: dict[str, tuple[str, int, Want]] = {}
    universe.shelf.sealed = True
    try:
        queue = list(distinct_wants(roots))
        for want in queue:  # grows while it is walked: breadth first
            for dependency in _likely_dependencies(universe, want):
                if dependency[2].name not in named and dependency[2].name not in steps:
                    steps[dependency[2].name] = dependency
                    queue.append(dependency[2])
    finally:
        universe.shelf.sealed = False
    facts: list[Fact] = []
    for name in sorted(wanted):
        path: list[Fact] = []
        while name in steps:
            parent, position, want = steps.pop(name)
            version = str(universe.listing(parent).versions[position])
            path.append(Demand(name=parent, versions=(version,), requirement=want.text))
            name = parent  # noqa: PLW2901 - climbing towards the roots
        facts += reversed(path)
    return facts


def _likely_dependencies(universe: Universe, want: Want) -> Iterable[tuple[str, int, Want]]:
    if want.is_never:
        return
    try:
        position = next(rank(universe, want.name, (want,)), None)
        if position is not None:
            for dependency in universe.depends(want.name, position, want.extras):
                yield want.name, position, dependency
    except Unexplored:
        return


def _demands(universe: Universe, causes: Sequence[Cause]) -> list[Fact]:
    """Group what packages require by (package, requirement), with their versions as spans."""
    groups: dict[tuple[str, Want], int] = {}
    for cause in causes:
        if cause.parent is not None and not cause.want.is_never:
            key = (cause.parent.name, cause.want)
            groups[key] = groups.get(key, 0) | 1 << cause.parent.position
    return [
        Demand(name=name, versions=spans(universe, name, mask), requirement=want.text)
        for (name, want), mask in groups.items()
    ]


def _blockers(universe: Universe, name: str, causes: Sequence[Cause]) -> list[Fact]:
    """Say what is wrong with a project itself, if anything but a disagreement is."""
    if name.endswith("!"):
        return _unusable_metadata(universe, causes)
    listing = universe.listing(name)
    if not listing.exists:
        return [Absent(name=name, near=tuple(universe.shelf.catalog.near_names(name)))]
    wants = dict.fromkeys(cause.want for cause in causes)
    masks = {want: universe.mask(want) for want in wants}
    if not any(masks.values()):
        newest = tuple(str(version) for version in listing.versions[:5])
        requirement = next(iter(masks)).text
        return [NoMatch(name=name, requirement=requirement, newest=newest)]
    allowed = _allowed_together(universe, name, causes, masks)
    if not allowed or _any_usable(universe, name, tuple(wants), allowed):
        return []
    return list(_unusable(universe, name, allowed))


def _allowed_together(
    universe: Universe, name: str, causes: Sequence[Cause], masks: Mapping[Want, int]
) -> int:
    """Return the versions that all roots, the constraints and at least one parent allow."""
    fixed = universe.allowed(name, ())
    any_parent = 0
    for cause in causes:
        if cause.parent is None:
            fixed &= masks[cause.want]
        else:
            any_parent |= masks[cause.want]
    return fixed & any_parent if any(cause.parent is not None for cause in causes) else fixed


def _any_usable(universe: Universe, name: str, wants: Sequence[Want], allowed: int) -> bool:
    if universe.listing(name).artifact is not None:
        return universe.refusal(name, 0) is None
    roots = [want for want in wants if universe.mask(want) & allowed]
    return any(
        allowed >> position & 1 and universe.refusal(name, position) is None
        for want in roots
        for position in rank(universe, name, (want,))
    )


def _unusable(universe: Universe, name: str, allowed: int) -> Iterable[Fact]:
    """Group the releases of a mask by why they do not count."""
    masks: dict[RefusalKind, int] = {}
    details: dict[RefusalKind, dict[str, None]] = {}
    listing = universe.listing(name)
    for position in newest_first(allowed):
        refusals = [(one.kind, one.detail) for one in universe.offer(name, position).refusals]
        if not refusals and listing.artifact is None and listing.versions[position].is_prerelease:
            refusals = [(RefusalKind.PRERELEASE, str(listing.versions[position]))]
        refusal = universe.refusal(name, position) if not refusals else None
        if refusal is not None:
            refusals = [(refusal.kind, refusal.detail)]
        for kind, detail in refusals:
            masks[kind] = masks.get(kind, 0) | 1 << position
            details.setdefault(kind, {})[detail] = None
    for kind, mask in masks.items():
        yield Unusable(
            name=name, versions=spans(universe, name, mask), kind=kind, details=tuple(details[kind])
        )


def _unusable_metadata(universe: Universe, causes: Sequence[Cause]) -> list[Fact]:
    """Say which releases had files that count and were turned away by their metadata."""
    groups: dict[tuple[str, RefusalKind, str], int] = {}
    for cause in causes:
        if cause.parent is None:
            continue
        name, position = cause.parent.name, cause.parent.position
        refusal = universe.refusal(name, position)
        kind, detail = (refusal.kind, refusal.detail) if refusal else (RefusalKind.METADATA, cause.want.text)
        groups[name, kind, detail] = groups.get((name, kind, detail), 0) | 1 << position
    return [
        Unusable(name=name, versions=spans(universe, name, mask), kind=kind, details=(detail,))
        for (name, kind, detail), mask in groups.items()
    ]


def spans(universe: Universe, name: str, mask: int) -> tuple[str, ...]:
    """Write a set of versions as spans of neighbours, oldest first: ``1.0 to 1.4``, ``2.0``."""
    listing = universe.listing(name)
    result: list[str] = []
    run: list[int] = []
    for position in [*sorted(newest_first(mask), reverse=True), -2]:
        if run and run[-1] - 1 != position:
            first, last = listing.versions[run[0]], listing.versions[run[-1]]
            result.append(f"{first} to {last}" if len(run) > 1 else str(first))
            run = []
        run.append(position)
    return tuple(result)
