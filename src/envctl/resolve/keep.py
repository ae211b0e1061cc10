"""Least change after a search: locked versions go back wherever nothing in the solution is against them.

A search that met a conflict may have moved a version that, as it turned out, was not in the way. What
the walk finds needs none of this: it moves a version only where a requirement that stays demands it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envctl.resolve.rank import admits
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def keep(universe: Universe, picks: Mapping[str, int], wants: Sequence[Want]) -> Mapping[str, int]:
    """Return ``picks`` with locked versions put back, one after another, while all the rest can stay.

    Afterwards no locked version that was given up could take its place again by itself: something that
    was picked does not allow it, or it does not allow something that was picked.
    """
    while True:
        asked = collect(universe, picks, wants) or {}
        for name in sorted(asked):
            kept = universe.kept(name)
            if kept is None or kept == picks[name] or not universe.allowed(name, asked[name]) >> kept & 1:
                continue
            tried = {**picks, name: kept}
            if universe.refusal(name, kept) is None and is_admitted(universe, tried, wants):
                picks = tried
                break
        else:
            return picks


def is_admitted(universe: Universe, picks: Mapping[str, int], wants: Sequence[Want]) -> bool:
    """Whether picks are a solution whose every release may be picked by what asks for it."""
    asked = collect(universe, picks, wants)
    return asked is not None and all(admits(universe, name, asked[name], picks[name]) for name in asked)


def collect(
    universe: Universe, picks: Mapping[str, int], wants: Sequence[Want]
) -> Mapping[str, Sequence[Want]] | None:
    """Map each project that is reached to all that is wanted of it; None where something is not picked."""
    asked: dict[str, dict[Want, None]] = {}
    extras: dict[str, frozenset[str]] = {}
    queue = list(wants)
    while queue:
        want = queue.pop()
        if want.name not in picks:
            return None
        known = asked.setdefault(want.name, {})
        if want in known:
            continue
        known[want] = None
        more = extras.get(want.name, frozenset()) | want.extras
        if len(known) == 1 or more != extras[want.name]:
            extras[want.name] = more
            queue += universe.depends(want.name, picks[want.name], more)
    return {name: tuple(several) for name, several in asked.items()}
