"""From a refutation to its explanation: the smallest set of roots that fails, and the facts about it.

The leaves of PubGrub's derivation are few, but not always the fewest: roots among them are left out one
by one while what remains still fails. That uses only what is known already (a sealed shelf) and small
budgets: a root whose part cannot be told cheaply is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.model.artifact import Directory
from envctl.resolve.facts import (
    Absent,
    Ask,
    Conflict,
    Demand,
    Fact,
    Limit,
    NoMatch,
    Replaced,
    TooHard,
    Tried,
    Unusable,
)
from envctl.resolve.files import Refusal, RefusalKind
from envctl.resolve.listing import Unexplored, newest_first
from envctl.resolve.pubgrub import prove
from envctl.resolve.roots import Root
from envctl.resolve.statements import Asked, Limited, Refutation, Required, Statement, Unfit
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want, want_from

_CONFLICTS = 500
_PROOFS = 60


def diagnose(
    universe: Universe, roots: Sequence[Root], refutation: Refutation, *, lowest: frozenset[str] | None
) -> Conflict:
    """Explain why ``roots`` have no solution."""
    facts: list[Fact] = []
    tried = universe.tried()
    if refutation.gave_up:
        facts += [_ask(root) for root in roots]
        facts.append(TooHard())
    else:
        statements = _shorten(universe, _minimise(universe, refutation, lowest).statements)
        wants = {one.want for one in statements if isinstance(one, Asked)}
        facts += [_ask(root) for root in roots if root.want in wants]
        required = _downwards([one for one in statements if isinstance(one, Required)], wants)
        facts += [_demand(universe, one) for one in required if not one.want.is_never]
        facts += _replaced(universe, [*wants, *(one.want for one in required)])
        facts += [Limit(requirement=one.want.text) for one in statements if isinstance(one, Limited)]
        facts += _blockers(universe, [*wants, *(one.want for one in required)], statements)
    return Conflict(
        target=universe.target.together,
        python=universe.target.floor,
        facts=tuple(dict.fromkeys(facts)),
        tried=Tried(len(tried), len({name for name, _ in tried})),
    )


def _shorten(universe: Universe, statements: Sequence[Statement]) -> Sequence[Statement]:
    """Say only that a root has nothing that counts, where all roots in dispute are about one project.

    What a yanked release requires comes into a proof, because that might ask for it exactly.
    """
    wants = [one.want for one in statements if isinstance(one, Asked)]
    for one in statements:
        if not isinstance(one, Unfit):
            continue
        if any(want.name != one.name for want in wants):
            continue
        allowed = universe.allowed(one.name, wants)
        if allowed & one.mask and not universe.has_fresh(one.name, allowed):
            return [*(Asked(want) for want in wants), Unfit(one.name, allowed & one.mask)]
    return statements


def _ask(root: Root) -> Ask:
    return Ask(by=root.asked.by, requirement=root.want.text, where=root.asked.where)


def _demand(universe: Universe, required: Required) -> Demand:
    artifact = universe.listing(required.name).artifact
    return Demand(
        name=required.name,
        versions=spans(universe, required.name, required.mask),
        requirement=required.want.text,
        where=artifact.display_path if isinstance(artifact, Directory) else "",
    )


def _replaced(universe: Universe, wants: Iterable[Want]) -> Iterable[Replaced]:
    for name in sorted({want.name for want in wants}):
        for override in universe.overrides(name):
            yield Replaced(name=name, requirement=want_from(override).text)


def _minimise(universe: Universe, refutation: Refutation, lowest: frozenset[str] | None) -> Refutation:
    """Leave roots out while what remains still fails; return the last refutation."""
    wants = _roots(refutation)
    universe.shelf.sealed = True
    try:
        for want in tuple(wants)[:_PROOFS]:
            if want in wants:
                found = _refute(universe, [other for other in wants if other is not want], lowest)
                if found is not None:
                    refutation, wants = found, _roots(found)
    finally:
        universe.shelf.sealed = False
    return refutation


def _roots(refutation: Refutation) -> list[Want]:
    """Return the wants of roots, in an order that does not depend on the way of the search."""
    wants = {one.want for one in refutation.statements if isinstance(one, Asked)}
    return sorted(wants, key=lambda want: want.text)


def _refute(universe: Universe, wants: Sequence[Want], lowest: frozenset[str] | None) -> Refutation | None:
    """Return why ``wants`` fail, None when they do not or it cannot be told cheaply."""
    try:
        result = prove(universe, wants, lowest=lowest, advance=lambda _: None, conflicts=_CONFLICTS)
    except Unexplored:
        return None
    return result if isinstance(result, Refutation) and not result.gave_up else None


def _downwards(required: Sequence[Required], wants: Iterable[Want]) -> list[Required]:
    """Order requirements from the roots down, those of newer releases first."""
    depth = {want.name: 0 for want in wants}
    queue = list(depth)
    for name in queue:  # grows while it is walked
        for one in required:
            if one.name == name and one.want.name not in depth:
                depth[one.want.name] = depth[name] + 1
                queue.append(one.want.name)
    deepest = len(depth)
    return sorted(
        required,
        key=lambda one: (
            depth.get(one.name, deepest),
            one.name,
            one.want.name,
            one.mask & -one.mask,
            one.want.text,
        ),
    )


def _blockers(universe: Universe, wants: Iterable[Want], statements: Iterable[object]) -> Iterable[Fact]:
    """Say what is wrong with projects themselves, if anything but a disagreement is."""
    for want in dict.fromkeys(wants):
        if want.is_never or universe.mask(want):
            continue
        listing = universe.listing(want.name)
        if not listing.exists:
            yield Absent(name=want.name, near=tuple(universe.shelf.catalog.near_names(want.name)))
        else:
            newest = tuple(str(version) for version in listing.versions[:5])
            # Where there is no version at all, it does not matter which is wanted.
            yield NoMatch(name=want.name, requirement=want.text if newest else want.name, newest=newest)
    for one in statements:
        if isinstance(one, Unfit):
            yield from _unusable(universe, one.name, one.mask)
        elif isinstance(one, Required) and one.want.is_never:
            yield Unusable(
                name=one.name,
                versions=spans(universe, one.name, one.mask),
                kind=RefusalKind.METADATA,
                details=(one.want.text,),
            )


def _unusable(universe: Universe, name: str, mask: int) -> Iterable[Fact]:
    """Group the releases of a mask by why they do not count."""
    masks: dict[RefusalKind, int] = {}
    details: dict[RefusalKind, dict[str, None]] = {}
    for position in newest_first(mask):
        for refusal in _refusals(universe, name, position):
            masks[refusal.kind] = masks.get(refusal.kind, 0) | 1 << position
            details.setdefault(refusal.kind, {})[refusal.detail] = None
    for kind, of_kind in masks.items():
        yield Unusable(
            name=name, versions=spans(universe, name, of_kind), kind=kind, details=tuple(details[kind])
        )


def _refusals(universe: Universe, name: str, position: int) -> Sequence[Refusal]:
    """Say what is against a release: its files, else its metadata, else that it is a pre-release."""
    listing = universe.listing(name)
    offer = universe.offer(name, position)
    if listing.artifact is None and not offer.fresh:
        return universe.yardstick.objections(name, listing.files(position), listing.index)
    universe.shelf.sealed = True
    try:
        refusal = universe.refusal(name, position)
        if refusal is not None:
            return [refusal]
        wants = universe.depends(name, position, frozenset())
    except Unexplored:
        wants = ()
    finally:
        universe.shelf.sealed = False
    if wants and wants[0].is_never:
        return [Refusal(RefusalKind.METADATA, wants[0].text)]
    if listing.artifact is None and listing.versions[position].is_prerelease:
        return [Refusal(RefusalKind.PRERELEASE, str(listing.versions[position]))]
    return ()


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
