"""New texts of manifest and lock that killed runs left beside them.

Imports nothing of a transaction: who writes only a lock loads no more.
"""

from __future__ import annotations

import os

from envctl import atomic

_HEXADECIMAL = frozenset("0123456789abcdef")


def sweep(*paths: str) -> None:
    """Remove new texts that killed runs left beside these files. Their writers' lock is held.

    Beside them may be those of another manifest's runs, which are at work. What cannot be removed stays: it
    is tried again.
    """
    for path in paths:
        folder, name = os.path.split(os.path.realpath(path))
        try:
            for each in os.listdir(folder):
                if each.startswith(f"{name}.") and _is_left_behind(each[len(name) + 1 :]):
                    atomic.remove(os.path.join(folder, each))
        except OSError:
            pass


def _is_left_behind(rest: str) -> bool:
    """Tell a new text by the end of its name, as `files.plan_replacements` and `atomic.replace` make it."""
    digits = rest.removeprefix("envctl-") if rest.startswith("envctl-") else rest.removesuffix(".tmp")
    expected = 12 if rest.startswith("envctl-") else 16
    return digits != rest and len(digits) == expected and _HEXADECIMAL.issuperset(digits)
