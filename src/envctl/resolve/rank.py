"""The candidates of one project, best first: which releases may be picked, and in which order.

The rules are pip's and packaging's: pre-releases only where no final release is left or where they
are asked for; yanked releases only where an exact specifier asks for them (PEP 592). Which tier is
open is decided from all versions that the wants allow, never from what a search has tried and given
up: a conflict must not let pre-releases in. What wants let in, more wants never shut out again; they
only contain fewer versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from envctl.resolve.listing import newest_first, oldest_first
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def rank(
    universe: Universe,
    name: str,
    wants: Sequence[Want],
    *,
    lowest: frozenset[str] | None = frozenset(),
    within: int = -1,
) -> Iterator[int]:
    """Yield the positions of the releases that satisfy ``wants``, best first.

    The version that this target had before goes first while it fits, even if it has been yanked since,
    is a pre-release or newer than a limit that was set since; then those that others have. ``lowest``
    names those that are picked oldest first; None stands for all. Only positions of the mask ``within``
    are yielded; which tier is open is decided from all.
    """
    mask = universe.allowed(name, wants)
    if not mask & within:
        return
    if universe.listing(name).artifact is not None:
        yield 0
        return
    yielded = 0
    kept = universe.kept(name)
    if kept is not None and mask & within & 1 << kept:
        yielded |= 1 << kept
        yield kept
    walk = oldest_first if lowest is None or name in lowest else newest_first
    tier, counts = open_tier(universe, name, wants, mask)
    tier &= within
    for position in chain(universe.elsewhere(name), walk(tier)):
        bit = 1 << position
        if tier & bit and not yielded & bit and counts(position):
            yielded |= bit
            yield position


def admits(universe: Universe, name: str, wants: Sequence[Want], position: int) -> bool:
    """Whether ``wants`` let a release be picked; those of a whole solution must."""
    return next(rank(universe, name, wants, within=1 << position), None) is not None


def open_tier(
    universe: Universe, name: str, wants: Sequence[Want], mask: int
) -> tuple[int, Callable[[int], bool]]:
    """Return which of the versions in ``mask`` are open to be picked, and what tells those that count.

    Finals go before pre-releases and unyanked before yanked ones: a later tier is open only when the one
    before has nothing. Versions are looked at as far as needed, never all of them.
    """
    limits = (*wants, *universe.constraints(name))
    is_final = universe.listing(name).is_final
    for finals in _tiers(universe, name, limits):
        if universe.has_fresh(name, mask, finals=finals):

            def counts(position: int, *, finals: bool = finals) -> bool:
                return bool((not finals or is_final(position)) and universe.offer(name, position).fresh)

            return mask, counts
    if not is_exact(limits):
        return 0, lambda _: False
    finals = universe.request.prerelease_mode(name) == "disallow"
    return mask, lambda position: bool(
        (not finals or is_final(position)) and universe.offer(name, position).yanked
    )


def is_exact(wants: Sequence[Want]) -> bool:
    """Whether a specifier names one version: ``==1.2`` without a star, or ``===``."""
    return any(want.is_exact for want in wants)


def _tiers(universe: Universe, name: str, limits: Sequence[Want]) -> tuple[bool, ...]:
    """Return the tiers in their order: True for finals only, False for all versions."""
    mode = universe.request.prerelease_mode(name)
    if mode == "disallow":
        return (True,)
    if mode == "allow" or any(want.mentions_prerelease for want in limits):
        return (False,)
    return (True, False)
