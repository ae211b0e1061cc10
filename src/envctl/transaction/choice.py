"""Which switch it will be: both trees change places whole, or the live one is changed file by file.

==============================================  ===================================================
what is found                                   ``auto``
==============================================  ===================================================
no environment                                  the staged tree is renamed there
``.venv`` is a mount point, or one is below it  merge: such a folder cannot be moved, or must not be
the state lies inside of it                     merge: it would be moved along
``.venv`` is mounted somewhere else, too        merge: who sees it there would keep the old tree
anything else                                   exchange, and merge where the file system says no
==============================================  ===================================================

Looks; touches nothing. A plan says the same, before anything is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from envctl.environment.mounts import Mount, find_mounts_below, find_view, is_mount_point, read_mounts
from envctl.errors import MachineError
from envctl.frozen import dataclass
from envctl.transaction.site import Site

AUTO, EXCHANGE, MERGE = "auto", "exchange", "merge"


@dataclass(frozen=True, slots=True)
class Way:
    """How to switch: by ``merge`` or by exchange, and whether a merge may follow where that is impossible.

    ``reason`` says why it is not the ordinary exchange, for people; empty when it is.
    """

    merge: bool = False
    may_merge: bool = False
    reason: str = ""


def choose_way(site: Site, asked: str) -> Way:
    """Choose the switch; ``asked`` is ``auto``, ``exchange`` or ``merge``.

    Raises:
        MachineError: `cannot-exchange` when the exchange was asked for, and is impossible here.
    """
    if not os.path.lexists(site.path):
        return Way()
    mounts = read_mounts()
    obstacle = _find_obstacle(site, mounts)
    if asked == EXCHANGE and obstacle:
        raise MachineError(
            "cannot-exchange",
            f"`{site.path}` cannot change places with another folder: {obstacle}",
            where=site.path,
            hints=("leave `[install] switch` out, and it is changed file by file",),
        )
    if obstacle:
        return Way(merge=True, reason=obstacle)
    if asked == MERGE:
        return Way(merge=True, reason="`[install] switch` says so")
    view = find_view(site.path, mounts) if asked == AUTO else None
    if view is not None:
        return Way(merge=True, reason=f"it is mounted at `{view}`, too")
    return Way(may_merge=asked == AUTO)


def _find_obstacle(site: Site, mounts: Sequence[Mount]) -> str:
    if is_mount_point(site.path, mounts):
        return "it is a mount point"
    below = find_mounts_below(site.path, mounts)
    if below:
        return f"`{below[0]}` in it is a mount point"
    return "its earlier generations lie in it" if site.inside else ""
