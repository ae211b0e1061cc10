"""The roots of a resolution: what the lists of a request ask for on one target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from envctl.frozen import dataclass
from envctl.manifest.manifest import Asked
from envctl.resolve.universe import Universe
from envctl.resolve.want import Want


class ListKind(StrEnum):
    """Which kind of list a root stands in."""

    BASE = "base"
    GROUP = "group"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Root:
    """One want of one list; ``list_name`` is empty for the dependencies."""

    want: Want
    asked: Asked
    kind: ListKind
    list_name: str = ""


def find_roots(universe: Universe) -> tuple[Root, ...]:
    """Return the roots that are active on the target, sorted so that the lists' order does not matter."""
    request = universe.request
    roots = [*_of_list(universe, request.base, ListKind.BASE, "")]
    for name, asked in request.groups.items():
        roots += _of_list(universe, asked, ListKind.GROUP, name)
    for name, asked in request.extras.items():
        roots += _of_list(universe, asked, ListKind.EXTRA, name)
    return tuple(
        sorted(roots, key=lambda root: (root.want.text, root.kind, root.list_name, root.asked.where))
    )


def distinct_wants(roots: Iterable[Root]) -> tuple[Want, ...]:
    """Return the wants of roots, each once, in order."""
    return tuple(dict.fromkeys(root.want for root in roots))


def picked_lowest(universe: Universe, wants: Sequence[Want]) -> frozenset[str] | None:
    """Return the names to be picked oldest first; None for all there are."""
    match universe.request.resolution:
        case "lowest":
            return None
        case "lowest-direct":
            return frozenset(want.name for want in wants)
        case _:
            return frozenset()


def _of_list(universe: Universe, asked: Iterable[Asked], kind: ListKind, name: str) -> list[Root]:
    return [Root(want, one, kind, name) for one in asked for want in universe.wants(one.requirement)]
