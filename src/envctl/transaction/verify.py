"""Check a staged environment by reading it: every promised file is there as promised, and nothing else.

Read, never run: its scripts name the final path, and would start the live environment.
"""

from __future__ import annotations

import stat
from collections.abc import Collection

from envctl.environment.inventory import Inventory, stamp, stamp_link
from envctl.errors import SwitchError
from envctl.receipt import measure_tree


def verify(root: str, inventory: Inventory, carried: Collection[str]) -> tuple[str, int]:
    """Compare the tree at ``root`` with its file list; ``carried`` files may be there besides.

    One walk serves this and the receipt: returns the digest of the tree, and the newest mtime in it (ns).

    Raises:
        SwitchError: `stage-differs`, naming up to ten paths.
    """
    promised = {path: rest for owner in inventory.owners for path, rest in inventory.stamps(owner)}
    wrong: list[str] = []

    def see(folder: str, files: list[tuple[str, int, int | str, int]]) -> None:
        prefix = f"{folder[1:]}/" if folder else ""
        for name, mode, size, mtime_ns in files:
            path = prefix + name
            expected = promised.pop(path, None)
            if expected is None:
                if path not in carried:
                    wrong.append(path)
            elif not expected.startswith(_format(mode, size, mtime_ns)):
                wrong.append(path)

    digest, newest = measure_tree(root, see=see)
    wrong += promised
    if wrong:
        raise _differs(root, wrong)
    return digest, newest


def _format(mode: int, size: int | str, mtime_ns: int) -> str:
    """Write what was found as an inventory does; what is neither file nor link is never equal to a line."""
    if isinstance(size, str):
        return stamp_link(size)
    if not stat.S_ISREG(mode):
        return "neither file nor link"
    return stamp(size, mtime_ns, executable=bool(mode & stat.S_IXUSR))


def _differs(root: str, wrong: list[str]) -> SwitchError:
    names = ", ".join(f"`{path}`" for path in sorted(wrong)[:10])
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return SwitchError(
        "stage-differs",
        f"the new environment is not what the plan promised: {names}{more}; the live one is as it was",
        where=root,
        hints=("another program may be writing into the cache or the project; run the command again",),
    )
