"""Whether the next generation will fit on the disk, asked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from envctl.environment.bare import BareItem
from envctl.store.room import BLOCK, require_room, take_up
from envctl.transaction.arrange import Laid

#: What the journal, the history and the new texts of lock and manifest need besides, in bytes.
_MARGIN = 1 << 20
#: How many files that is, with what the environment says of itself and the folders of both.
_OWN_FILES = 16
#: What the file list says of a linked file, in bytes.
_LINE = 200


def require_space(folder: str, laid: Sequence[Laid], bare: Sequence[BareItem], *, copies: bool) -> None:
    """Refuse to begin what cannot be ended: see `envctl.store.room.require_room`.

    ``copies`` says that files are not linked.

    Raises:
        MachineError: `no-space`.
    """
    made = len(bare) + sum(len(each.scripts) + len(each.entry_points) + 3 for each in laid)
    inodes = len(_folders_of(laid)) + made + _OWN_FILES
    size = _MARGIN + BLOCK * inodes + _LINE * sum(len(each.linked) for each in laid)
    if copies:
        files = [file for each in laid for file in each.linked.values()]
        files += [file for each in laid if each.placed.bytecode for file in each.placed.bytecode.files]
        inodes += len(files)
        size += sum(take_up(file.size) for file in files)
    require_room(
        folder,
        "the new environment",
        size=size,
        inodes=inodes,
        hint="free some space; `envctl cache purge` may help, and so may a smaller `keep-generations`",
    )


def _folders_of(laid: Sequence[Laid]) -> set[str]:
    """Name the folders that linked files lie in, and those above them; bytecode has its own beside."""
    folders: set[str] = set()
    for each in laid:
        for path in {path.rpartition("/")[0] for path in each.linked}:
            folder = path
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        if each.placed.bytecode is not None:
            folders.update(file.path.rpartition("/")[0] for file in each.placed.bytecode.files)
    return folders
