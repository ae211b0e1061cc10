"""One digest for values that are compared between runs: the same value, the same text, the same digest."""

from __future__ import annotations

import hashlib
import json


def digest_value(value: object) -> str:
    """Digest a JSON value in its canonical form (``sha256:…``); what JSON lacks counts as its text."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
