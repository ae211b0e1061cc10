"""The chain of solvers behind one function: what is cheap goes first, what is complete goes last.

The walk finds nearly everything that has no conflict; resolvelib finds nearly everything else, in the
order that people know from pip; PubGrub takes what is left, and it alone may say *impossible*, because
resolvelib overlooks some solutions (its issue 206). What comes after the walk is loaded when that gives up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from envctl.resolve.universe import Universe
from envctl.resolve.walk import walk
from envctl.resolve.want import Want

if TYPE_CHECKING:
    from envctl.resolve.statements import Refutation


def find(
    universe: Universe,
    wants: Sequence[Want],
    *,
    lowest: frozenset[str] | None,
    advance: Callable[[str], None],
) -> Mapping[str, int] | Refutation:
    """Pick one release for every project that ``wants`` reach, or prove that it cannot be done.

    ``lowest`` names those that are picked oldest first; None stands for all. ``advance`` is told each
    project once. The picks may hold leftovers that nothing reaches. Of the versions of ``preferences`` none
    is given up that could be put back by itself.
    """
    advance = _once(advance)
    picks = walk(universe, wants, lowest=lowest, advance=advance)
    if picks is not None:
        return picks
    from envctl.resolve.keep import is_admitted, keep  # noqa: PLC0415 - few resolutions need them
    from envctl.resolve.pubgrub import prove  # noqa: PLC0415 - 8 ms
    from envctl.resolve.search import search  # noqa: PLC0415 - likewise

    found: Mapping[str, int] | Refutation | None = search(universe, wants, lowest=lowest, advance=advance)
    # Where it is not admitted, what let a pre-release in was given up later.
    if not isinstance(found, Mapping) or not is_admitted(universe, found, wants):
        found = prove(universe, wants, lowest=lowest, advance=advance)
    return keep(universe, found, wants) if isinstance(found, Mapping) else found


def _once(advance: Callable[[str], None]) -> Callable[[str], None]:
    told: set[str] = set()

    def tell(name: str) -> None:
        if name not in told:
            told.add(name)
            advance(name)

    return tell
