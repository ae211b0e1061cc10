"""Whether an installed distribution came from the artifact that is wanted.

What envctl laid is known by `identify`'s text. Of what others installed only PEP 610 tells: no
``direct_url.json`` means that some index served it, and which of its files did is nobody's knowledge.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from envctl.model.artifact import (
    Archive,
    Artifact,
    Checkout,
    Directory,
    Sdist,
    Wheel,
    format_origin,
    identify,
)
from envctl.model.state import Distribution


def is_same_origin(distribution: Distribution, artifact: Artifact) -> bool:
    """Tell whether ``distribution`` was installed from ``artifact``; when nobody can tell, it was not.

    Source: PEP 610; PyPA "Recording the Direct URL Origin of installed distributions".
    """
    origin = distribution.origin
    if origin is not None and _names(origin, artifact):
        return True
    if distribution.managed and origin is not None:
        return False
    if distribution.direct_url is not None:
        return _matches_direct_url(distribution.direct_url, artifact)
    return isinstance(artifact, Wheel | Sdist)


def describe_difference(distribution: Distribution, artifact: Artifact) -> str:
    """Say in one clause what is another about ``artifact``, which is not where ``distribution`` is from.

    A folder or file that lies where it did has changed; all else is another place.
    """
    match artifact:
        case Directory() if _without_digest(distribution.origin) == _without_digest(identify(artifact)):
            return "its metadata files changed"
        case Archive() if _is_place_of(distribution.direct_url, artifact):
            return f"{format_origin(artifact)} changed"
        case Checkout(revision_kind="branch" | "tag"):
            what = f"{artifact.revision_kind} {artifact.requested_revision}"
            return f"now from {format_origin(artifact)} ({what})"
        case _:
            return f"now from {format_origin(artifact)}"


def shorten_origin(origin: str | None) -> str | None:
    """Leave the path out of the origin of a directory, which is absolute.

    So a plan is the same in every checkout: the digest of the metadata tells two directories apart.
    """
    if origin is None or not origin.startswith(("directory ", "editable ")):
        return origin
    return " ".join(origin.split(" ", 2)[:2])


def relate_direct_url(text: str | None, home: str) -> str | None:
    """Write the URL of a folder or file below ``home`` (absolute) from there: the same in every checkout.

    Any other text is returned as it is.
    """
    try:
        document = json.loads(text or "")
        path = _local_path(document["url"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    start = home.rstrip("/\\") + os.sep
    if path is None or not path.startswith(start):
        return text
    return json.dumps({**document, "url": f"./{path[len(start) :]}"}, sort_keys=True)


def _names(origin: str, artifact: Artifact) -> bool:
    identity = identify(artifact)
    if isinstance(artifact, Wheel):
        # A bare digest names a wheel as well: no other artifact is known by its digest alone.
        return origin in (identity, identity.removeprefix("wheel "))
    return origin == identity


def _without_digest(origin: str | None) -> tuple[str, str]:
    """Split what `identify` says of a directory into how it is laid, and its path."""
    how, _, rest = (origin or "").partition(" ")
    return how, rest.partition(" ")[2]


def _is_place_of(text: str | None, archive: Archive) -> bool:
    try:
        document = json.loads(text or "")
        url = str(document["url"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    is_there = url == archive.url or (archive.path is not None and _local_path(url) == archive.path)
    return is_there and document.get("subdirectory") == archive.subdirectory


def _matches_direct_url(text: str, artifact: Artifact) -> bool:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        return False
    match artifact:
        case Directory():
            return _is_directory(document, artifact)
        case Archive():
            return _is_archive(document, artifact)
        case Checkout():
            return _is_checkout(document, artifact)
        case Wheel() | Sdist():
            return False  # wanted from an index, there from a URL


def _is_directory(document: Mapping[str, Any], artifact: Directory) -> bool:
    about = document.get("dir_info")
    if not isinstance(about, dict):
        return False
    return (
        _local_path(document["url"]) == artifact.path
        and (about.get("editable") is True) == artifact.editable
        and document.get("subdirectory") == artifact.subdirectory
    )


def _is_archive(document: Mapping[str, Any], artifact: Archive) -> bool:
    about = document.get("archive_info")
    if not isinstance(about, dict) or document.get("subdirectory") != artifact.subdirectory:
        return False
    recorded = about.get("hashes")
    hashes = dict(recorded) if isinstance(recorded, dict) else {}
    old_style = about.get("hash")  # the form before the specification's change of 2022
    if isinstance(old_style, str) and "=" in old_style:
        algorithm, _, digest = old_style.partition("=")
        hashes.setdefault(algorithm, digest)
    shared = [algorithm for algorithm in artifact.hashes if algorithm in hashes]
    return bool(shared) and all(hashes[algorithm] == artifact.hashes[algorithm] for algorithm in shared)


def _is_checkout(document: Mapping[str, Any], artifact: Checkout) -> bool:
    about = document.get("vcs_info")
    if not isinstance(about, dict):
        return False
    return (
        document["url"] == artifact.url
        and about.get("vcs") == artifact.vcs
        and about.get("commit_id") == artifact.commit
        and document.get("subdirectory") == artifact.subdirectory
    )


def _local_path(url: str) -> str | None:
    """Return the path of a ``file:`` URL without a host, None for any other (RFC 8089)."""
    rest = url.removeprefix("file://")
    if rest == url or not rest.startswith("/"):
        return None
    if "%" in rest:
        from urllib.parse import unquote  # noqa: PLC0415 - 5 ms that hardly any path needs

        rest = unquote(rest)
    path = rest
    if path[2:3] == ":":  # /C:/folder: a drive of Windows
        path = path[1:].replace("/", "\\")
    return path.rstrip("/") if len(path) > 1 else path
