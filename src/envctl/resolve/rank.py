"""The candidates of one project, best first: which releases may be picked, and in which order.

The rules are pip's and packaging's: pre-releases only where no final release is left or where they
are asked for; yanked releases only where an exact specifier asks for them (PEP 592). Which tier is
open is decided from all versions that the wants allow, never from what a search has tried and given
up: a conflict must not let pre-releases in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envctl.resolve.listing import newest_first, oldest_first
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def rank(
    universe: Universe, name: str, wants: Sequence[Want], *, lowest: frozenset[str] | None = frozenset()
) -> Iterator[int]:
    """Yield the positions of the releases that satisfy ``wants``, best first.

    The version that was locked before goes first while it fits, even if it has been yanked since, is a
    pre-release or newer than a limit that was set since. ``lowest`` names those that are picked oldest
    first; None stands for all.
    """
    mask = universe.allowed(name, wants)
    if not mask:
        return
    listing = universe.listing(name)
    if listing.artifact is not None:
        yield 0
        return
    kept = universe.kept(name)
    if kept is not None and mask >> kept & 1:
        yield kept
    walk = oldest_first if lowest is None or name in lowest else newest_first
    tiers = _tiers(universe, name, wants, mask)
    for tier in tiers:
        found = False
        for position in walk(tier):
            if universe.offer(name, position).fresh:
                found = True
                if position != kept:
                    yield position
        if found:
            return
    if is_exact((*wants, *universe.constraints(name))):
        for position in walk(sum(tiers)):
            if position != kept and universe.offer(name, position).yanked:
                yield position


def is_exact(wants: Sequence[Want]) -> bool:
    """Whether a specifier names one version: ``==1.2`` without a star, or ``===``."""
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for want in wants
        for one in want.specifier
    )


def _tiers(universe: Universe, name: str, wants: Sequence[Want], mask: int) -> tuple[int, ...]:
    """Split what is allowed into tiers: a later one counts only when the one before has nothing."""
    finals = mask & universe.listing(name).finals
    mode = universe.request.prerelease_mode(name)
    if mode == "disallow":
        return (finals,)
    asked = any(want.specifier.prereleases for want in (*wants, *universe.constraints(name)))
    if mode == "allow" or asked:
        return (mask,)
    return (finals, mask & ~finals)
