"""Metadata is fetched ahead: of a release that is about to be looked at, and of those that may follow.

Who goes down the releases of a project one by one waits for a server each time. The longer that goes on,
the more of them are asked for together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from envctl.resolve.universe import Universe

# So many releases of a project are looked at before more are fetched than one, and so many at most.
_FIRST = 4
_MOST = 32


class Foresight:
    """Remembers how many releases of each project a search has looked at."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._seen: dict[str, int] = {}
        self._steps: dict[str, tuple[int, int]] = {}  # when to fetch more, and how many

    def look(self, name: str, position: int, following: Callable[[int], Iterable[int]]) -> None:
        """Start to fetch the metadata of a release, and of some of those ``following`` when it is time.

        ``following`` yields candidates of the project within a mask, best first.
        """
        if self._universe.listing(name).artifact is not None:
            return
        seen = self._seen.get(name, 0)
        if seen >> position & 1:
            return
        seen = self._seen[name] = seen | 1 << position
        self._fetch(name, position)
        due, amount = self._steps.get(name, (_FIRST, _FIRST))
        if seen.bit_count() >= due:
            self._steps[name] = due + amount, min(2 * amount, _MOST)
            for other in islice(following(~seen), amount):
                self._fetch(name, other)

    def _fetch(self, name: str, position: int) -> None:
        universe = self._universe
        universe.shelf.prefetch_metadata(name, universe.offer(name, position).files[0])
