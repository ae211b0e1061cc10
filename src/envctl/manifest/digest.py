"""The digest of a manifest: over what was parsed, so that comments, layout and order do not move it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, time


def digest_data(manifest: Mapping[str, object], pyproject: Mapping[str, object] | None) -> str:
    """Digest the data of the files as ``sha256:…``.

    The order of keys and tables does not count, that of lists does. Dates and times are told from strings
    that look like them.
    """
    text = json.dumps(
        {"manifest": manifest, "pyproject": pyproject},
        sort_keys=True,
        separators=(",", ":"),
        default=_format_time,
    )
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _format_time(value: object) -> Mapping[str, str]:
    if isinstance(value, date | datetime | time):
        return {type(value).__name__: value.isoformat()}
    raise TypeError(f"not a value of TOML: {value!r}")
