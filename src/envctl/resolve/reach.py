"""What reaches what, recomputed from the picks: a solver's own graph holds leftovers and is not trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


def reach(
    universe: Universe, picks: Mapping[str, int], wants: Iterable[Want]
) -> Mapping[str, frozenset[str]]:
    """Walk from ``wants`` through the picks; return each project reached with the extras asked of it."""
    found: dict[str, set[str]] = {}
    done: set[tuple[str, str]] = set()
    queue = list(wants)
    while queue:
        want = queue.pop()
        found.setdefault(want.name, set()).update(want.extras)
        for extra in ("", *want.extras):
            if (want.name, extra) in done:
                continue
            done.add((want.name, extra))
            extras = frozenset((extra,)) if extra else frozenset[str]()
            queue.extend(universe.depends(want.name, picks[want.name], extras))
    return {name: frozenset(extras) for name, extras in found.items()}
