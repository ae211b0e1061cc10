"""The walk: pick the best of everything for what is known, and give up at the first contradiction.

No search, so what it finds is a solution, and a cheap one: on real input, and above all where most was
locked before, it is nearly always enough. Level by level: pages of a level are asked for together, and
what the levels above want of a project is known before it is picked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from envctl.resolve.rank import rank
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def walk(
    universe: Universe,
    wants: Sequence[Want],
    *,
    lowest: frozenset[str] | None,
    advance: Callable[[str], None],
) -> Mapping[str, int] | None:
    """Pick one release for every project that ``wants`` reach; None when that takes a search."""
    asked: dict[str, dict[Want, None]] = {}
    picks: dict[str, int] = {}
    done: dict[str, frozenset[str]] = {}
    level: Sequence[Want] = wants
    universe.prefetch(want.name for want in wants)
    while level:
        names = _receive(universe, level, asked, picks, lowest)
        if names is None:
            return None
        for name in names:
            if name not in picks:
                position = _pick(universe, name, tuple(asked[name]), lowest)
                if position is None:
                    return None
                picks[name] = position
                advance(name)
        level = []
        for name in names:
            extras = frozenset[str]().union(*(want.extras for want in asked[name]))
            if done.get(name) != extras:
                done[name] = extras
                found = universe.depends(name, picks[name], extras)
                universe.prefetch(want.name for want in found if not want.is_never)
                level += found
    return picks


def _receive(
    universe: Universe,
    level: Sequence[Want],
    asked: dict[str, dict[Want, None]],
    picks: Mapping[str, int],
    lowest: frozenset[str] | None,
) -> list[str] | None:
    """Note the wants of a level and return the projects they are about; None when a pick is not wanted."""
    names: dict[str, None] = {}
    for want in level:
        if want.is_never:
            return None
        known = asked.setdefault(want.name, {})
        if want not in known:
            known[want] = None
            names[want.name] = None
    for name in names:
        if name in picks and not universe.allowed(name, asked[name]) >> picks[name] & 1:
            return None
    for name in names:
        if name not in picks:
            _foresee(universe, name, tuple(asked[name]), lowest)
    return list(names)


def _pick(
    universe: Universe, name: str, wants: tuple[Want, ...], lowest: frozenset[str] | None
) -> int | None:
    for position in rank(universe, name, wants, lowest=lowest):
        if universe.refusal(name, position) is None:
            return position
    return None


def _foresee(universe: Universe, name: str, wants: tuple[Want, ...], lowest: frozenset[str] | None) -> None:
    """Start to fetch the metadata of the likely pick."""
    if universe.listing(name).artifact is None:
        position = next(rank(universe, name, wants, lowest=lowest), None)
        if position is not None:
            universe.shelf.prefetch_metadata(name, universe.offer(name, position).files[0])
