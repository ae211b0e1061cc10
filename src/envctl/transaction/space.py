"""Whether the next generation will fit on the disk, asked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from envctl.environment.bare import BareItem
from envctl.store.room import BLOCK, require_room, take_up
from envctl.transaction.arrange import Laid

#: What the journal, the history and the file list need besides, in bytes.
_MARGIN = 1 << 20


def require_space(folder: str, laid: Sequence[Laid], bare: Sequence[BareItem], *, copies: bool) -> None:
    """Refuse to begin what cannot be ended: see `envctl.store.room.require_room`.

    ``copies`` says that files are not linked.

    Raises:
        MachineError: `no-space`.
    """
    folders = {path.rpartition("/")[0] for each in laid for path in each.linked}
    made = len(bare) + sum(len(each.scripts) + len(each.entry_points) + 3 for each in laid)
    inodes = len(folders) + made
    size = _MARGIN + BLOCK * inodes
    if copies:
        files = [file for each in laid for file in each.linked.values()]
        inodes += len(files)
        size += sum(take_up(file.size) for file in files)
    require_room(
        folder,
        "the new environment",
        size=size,
        inodes=inodes,
        hint="free some space; `envctl cache purge` may help, and so may a smaller `keep-generations`",
    )
