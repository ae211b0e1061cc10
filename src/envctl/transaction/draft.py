"""What a stage is made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envctl.environment.bare import FILE, LINK, BareItem
from envctl.environment.layout import Layout
from envctl.frozen import dataclass
from envctl.transaction.arrange import Laid
from envctl.transaction.blueprint import Blueprint
from envctl.transaction.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What one stage is made from: all decided, nothing written.

    Of a stage for a ``merge`` only what differs gets into the live tree: what is carried stays there.
    """

    site: Site
    number: int
    blueprint: Blueprint
    layout: Layout
    bare: Sequence[BareItem]
    laid: tuple[Laid, ...]
    merge: bool = False

    @property
    def root(self) -> str:
        """The folder it is made in."""
        return self.site.staged(self.number)


def own_paths(items: Iterable[BareItem]) -> frozenset[str]:
    """Give the paths of the files and links of a bare environment."""
    return frozenset(item.path for item in items if item.kind in {FILE, LINK})
