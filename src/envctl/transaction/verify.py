"""Check a staged environment by reading it: every promised file is there as promised, and nothing else.

Read, never run: its scripts name the final path, and would start the live environment.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet

from envctl.environment.inventory import escape
from envctl.errors import SwitchError
from envctl.treedigest import measure_tree

#: More than there are files: one that is wrong outweighs all that are right.
_WRONG = 1 << 40


def verify(root: str, promised: frozenset[str], carried: Collection[str]) -> tuple[str, int]:
    """Compare the tree at ``root`` with its file list (`Inventory.outlines`); ``carried`` may be there, too.

    One walk serves this and the receipt: returns the digest of the tree, and the newest mtime in it (ns).

    Raises:
        SwitchError: `stage-differs`, naming up to ten paths.
    """
    beside = {escape(path) for path in carried}

    def count(folder: str, lines: list[str]) -> int:
        prefix = f"{folder[1:]}/" if folder else ""
        right = 0
        for line in lines:
            if prefix + line in promised or (beside and prefix + line.partition("\t")[0] in beside):
                right += 1
            else:
                right -= _WRONG
        return right

    digest, newest, right = measure_tree(root, count=count)
    if right != len(promised) + len(beside):
        _refuse(root, promised, beside)
    return digest, newest


def _refuse(root: str, promised: frozenset[str], beside: AbstractSet[str]) -> None:
    """Look again, at names: a carried file that somebody deleted meanwhile is nobody's promise."""
    found: set[str] = set()

    def note(folder: str, lines: list[str]) -> int:
        prefix = f"{folder[1:]}/" if folder else ""
        found.update(prefix + line for line in lines)
        return 0

    measure_tree(root, count=note, alone=True)
    wrong = {line.partition("\t")[0] for line in found ^ promised} - beside
    if wrong:
        raise _differs(root, wrong)


def _differs(root: str, wrong: AbstractSet[str]) -> SwitchError:
    names = ", ".join(f"`{path}`" for path in sorted(wrong)[:10])
    more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return SwitchError(
        "stage-differs",
        f"the new environment is not what the plan promised: {names}{more}; the live one is as it was",
        where=root,
        hints=("another program may be writing into the cache or the project; run the command again",),
    )
