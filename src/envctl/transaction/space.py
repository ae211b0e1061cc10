"""Whether the next generation will fit on the disk, asked before anything is written."""

from __future__ import annotations

import os
from collections.abc import Sequence

from envctl.environment.bare import BareItem
from envctl.errors import MachineError
from envctl.transaction.arrange import Laid

_BLOCK = 4096
#: What the journal, the history and the file list need besides, in bytes.
_MARGIN = 1 << 20


def require_space(folder: str, laid: Sequence[Laid], bare: Sequence[BareItem], *, copies: bool) -> None:
    """Refuse to begin what cannot be ended. An estimate: other programs may fill the disk meanwhile.

    ``folder`` is one that is there on the right file system; ``copies`` says that files are not linked.

    Raises:
        MachineError: `no-space`.
    """
    if os.name != "posix":
        return
    folders = {path.rpartition("/")[0] for each in laid for path in each.linked}
    made = len(bare) + sum(len(each.scripts) + len(each.entry_points) + 3 for each in laid)
    inodes = len(folders) + made
    size = _MARGIN + _BLOCK * inodes
    if copies:
        files = [file for each in laid for file in each.linked.values()]
        inodes += len(files)
        size += sum((file.size // _BLOCK + 1) * _BLOCK for file in files)
    status = os.statvfs(folder)
    if size > status.f_bavail * status.f_frsize:
        raise _no_space(folder, f"{size >> 20} MB, and {status.f_bavail * status.f_frsize >> 20} MB are free")
    # File systems that make inodes as they are needed report none at all.
    if status.f_files and inodes > status.f_favail:
        raise _no_space(folder, f"{inodes} inodes, and {status.f_favail} are free")


def _no_space(folder: str, what: str) -> MachineError:
    return MachineError(
        "no-space",
        f"the new environment needs {what}",
        where=folder,
        hints=("free some space; `envctl cache purge` may help, and so may a smaller `keep-generations`",),
    )
