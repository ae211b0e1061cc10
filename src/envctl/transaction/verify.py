"""Check a staged environment by reading it: every promised file is there as promised, and nothing else.

Read, never run: its scripts name the final path, and would start the live environment.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from envctl.environment.inventory import Inventory, stamp, stamp_link
from envctl.errors import SwitchError
from envctl.receipt import digest_tree


def verify(root: str, inventory: Inventory, carried: Collection[str]) -> str:
    """Compare the tree at ``root`` with its file list; ``carried`` files may be there besides.

    Returns the digest of the tree, for its receipt.

    Raises:
        SwitchError: `stage-differs`, naming up to ten paths.
    """
    promised = {path: rest for owner in inventory.owners for path, rest in inventory.stamps(owner)}
    wrong: list[str] = []
    _compare(root, "", promised, carried, wrong)
    wrong += promised
    if wrong:
        raise _differs(root, wrong)
    return digest_tree(root)


def _compare(
    folder: str, prefix: str, promised: dict[str, str], carried: Collection[str], wrong: list[str]
) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name != "__pycache__" and path != ".envctl":
                    _compare(entry.path, f"{path}/", promised, carried, wrong)
                continue
            expected = promised.pop(path, None)
            if expected is None:
                if path not in carried:
                    wrong.append(path)
            elif not expected.startswith(_look(entry)):
                wrong.append(path)


def _look(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return stamp_link(os.readlink(entry.path))
    status = entry.stat(follow_symlinks=False)
    return stamp(status.st_size, status.st_mtime_ns, executable=bool(status.st_mode & 0o100))


def _differs(root: str, wrong: list[str]) -> SwitchError:
    names = ", ".join(f"`{path}`" for path in sorted(wrong)[:10])
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return SwitchError(
        "stage-differs",
        f"the new environment is not what the plan promised: {names}{more}; the live one is as it was",
        where=root,
        hints=("another program may be writing into the cache or the project; run the command again",),
    )
