"""Where a distribution that is not of an index comes from, for ``direct_url.json``.

Source: the direct URL data structure (PEP 610).
"""

from __future__ import annotations

import json
import os

from envctl.model.artifact import Archive, Artifact, Checkout, Directory, Sdist, Wheel


def format_direct_url(artifact: Artifact) -> str | None:
    """Write the JSON of PEP 610 for what does not come from an index; None for files of one."""
    document: dict[str, object]
    match artifact:
        case Directory():
            document = {
                "url": _file_url(artifact.path),
                "dir_info": {"editable": True} if artifact.editable else {},
            }
        case Archive():
            document = {
                "url": artifact.url or _file_url(artifact.path or ""),
                "archive_info": {"hashes": dict(sorted(artifact.hashes.items()))},
            }
        case Checkout():
            about = {"vcs": artifact.vcs, "commit_id": artifact.commit}
            if artifact.requested_revision:
                about["requested_revision"] = artifact.requested_revision
            document = {"url": artifact.url, "vcs_info": about}
        case Wheel() | Sdist():
            return None
    if artifact.subdirectory:
        document["subdirectory"] = artifact.subdirectory
    return json.dumps(document, sort_keys=True)


def _file_url(path: str) -> str:
    # `urllib.request` has this too, and loads sockets and mail for it.
    from urllib.parse import quote  # noqa: PLC0415 - most environments hold no source tree

    slashed = path.replace(os.sep, "/")
    return "file://" + quote(slashed if slashed.startswith("/") else f"/{slashed}", safe="/:")
