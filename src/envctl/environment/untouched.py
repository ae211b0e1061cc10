"""An environment that is as envctl left it, told by one digest instead of a look at each file.

The receipt in the tree holds the digest of the tree when it was found right; while that is equal, all that
the file list names is there as it says. What is not in the list may have been there already, so all are
counted as well. A file that is as young as the receipt may have been written twice within a tick of the
clock, which only its content tells: then nothing is said here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from envctl.environment.inventory import read_inventory
from envctl.environment.tree import BYTECODE
from envctl.errors import MachineError
from envctl.receipt import RACY_NS, RECEIPT, TREE, read_receipt
from envctl.treedigest import measure_tree


def list_untouched(root: str) -> Mapping[str, tuple[str, ...]] | None:
    """List the files of each owner, if all of them are as they were put and there is nothing else.

    Paths are relative to ``root``, POSIX; bytecode is left out. None says only that nobody knows.
    """
    path = os.path.join(root, *RECEIPT.split("/"))
    receipt = read_receipt(path)
    if receipt is None or TREE not in receipt:
        return None
    tree, newest, total = measure_tree(root, count=lambda _, lines: len(lines))
    try:
        if tree != receipt[TREE] or os.stat(path).st_mtime_ns < newest + RACY_NS:
            return None
        inventory = read_inventory(root)
        listed = {owner: _leave_bytecode(inventory.paths(owner)) for owner in inventory.owners}
    except (OSError, ValueError, MachineError):
        return None
    return listed if sum(map(len, listed.values())) == total else None


def _leave_bytecode(paths: list[str]) -> tuple[str, ...]:
    return tuple([path for path in paths if BYTECODE not in path or BYTECODE not in path.split("/")])
