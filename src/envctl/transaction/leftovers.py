"""New texts of manifest and lock that killed runs left beside them.

Imports nothing of a transaction: who writes only a lock loads no more.
"""

from __future__ import annotations

import os
import re

from envctl import atomic

# As `files.plan_replacements` and `atomic.replace` name them.
_LEFT_BEHIND = re.compile(r".+\.toml\.(envctl-[0-9a-f]{12}|[0-9a-f]{16}\.tmp)")


def sweep(folder: str) -> None:
    """Remove new texts that killed runs left beside manifest and lock. Their writers' lock is held.

    What cannot be removed stays: it is tried again.
    """
    try:
        for name in os.listdir(folder):
            if _LEFT_BEHIND.fullmatch(name):
                atomic.remove(os.path.join(folder, name))
    except OSError:
        pass
