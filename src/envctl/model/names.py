"""Names of projects and extras in the one spelling that all their spellings share."""

from __future__ import annotations

import re
from functools import lru_cache

_SEPARATORS = re.compile(r"[-_.]+")


@lru_cache(maxsize=16_384)
def normalise(name: str) -> str:
    """Normalise a name (PEP 503, PEP 685, PEP 735).

    Source: PyPA, "Names and normalization"; `packaging.utils` would bring wheel tags along, 15 ms of imports.
    """
    return _SEPARATORS.sub("-", name).lower()
