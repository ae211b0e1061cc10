"""Where a distribution that is not of an index comes from, for ``direct_url.json``.

Source: the direct URL data structure (PEP 610).
"""

from __future__ import annotations

import json
import os

from envctl.model.artifact import Artifact, Directory


def format_direct_url(artifact: Artifact) -> str | None:
    """Write the JSON of PEP 610 for a source tree; None for files of an index."""
    match artifact:
        case Directory():
            document: dict[str, object] = {
                "url": _file_url(artifact.path),
                "dir_info": {"editable": True} if artifact.editable else {},
            }
            if artifact.subdirectory:
                document["subdirectory"] = artifact.subdirectory
            return json.dumps(document, sort_keys=True)
        case _:
            return None


def _file_url(path: str) -> str:
    # `urllib.request` has this too, and loads sockets and mail for it.
    from urllib.parse import quote  # noqa: PLC0415 - most environments hold no source tree

    slashed = path.replace(os.sep, "/")
    return "file://" + quote(slashed if slashed.startswith("/") else f"/{slashed}", safe="/:")
