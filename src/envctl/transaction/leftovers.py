"""New texts of manifest and lock that killed runs left beside them.

Imports nothing of a transaction: who writes only a lock loads no more.
"""

from __future__ import annotations

import os

from envctl import atomic

_HEXADECIMAL = frozenset("0123456789abcdef")


def sweep(folder: str) -> None:
    """Remove new texts that killed runs left beside manifest and lock. Their writers' lock is held.

    What cannot be removed stays: it is tried again.
    """
    try:
        for name in os.listdir(folder):
            if _is_left_behind(name):
                atomic.remove(os.path.join(folder, name))
    except OSError:
        pass


def _is_left_behind(name: str) -> bool:
    """Tell a new text by its name, as `files.plan_replacements` and `atomic.replace` make it."""
    stem, _, rest = name.rpartition(".toml.")
    digits = rest.removeprefix("envctl-") if rest.startswith("envctl-") else rest.removesuffix(".tmp")
    expected = 12 if rest.startswith("envctl-") else 16
    return bool(stem) and digits != rest and len(digits) == expected and _HEXADECIMAL.issuperset(digits)
