"""From a page to a record: the files sorted out by version, once, when the page arrives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from packaging.version import InvalidVersion, Version

from envctl.index.filename import split_filename
from envctl.index.listing import encode_record, make_head
from envctl.index.page import Page, Row

#: No specifier set of the public index comes near; whoever reads it need not be afraid of it.
_LONGEST_SPECIFIER = 1024
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def group_rows(rows: Iterable[Row]) -> dict[str, dict[Version, list[Row]]]:
    """Sort files by project and version; those whose names are not of a wheel or sdist are left out."""
    projects: dict[str, dict[Version, list[Row]]] = {}
    parsed: dict[str, Version | None] = {}
    for row in rows:
        parts = split_filename(row.filename)
        if parts is None or (row.requires_python and len(row.requires_python) > _LONGEST_SPECIFIER):
            continue
        name, text = parts
        if text not in parsed:
            parsed[text] = _parse_version(text)
        version = parsed[text]
        if version is not None:
            projects.setdefault(name, {}).setdefault(version, []).append(row)
    return projects


def compact(page: Page, name: str, *, etag: str | None, modified: str | None, expires: int) -> bytes:
    """Make the record of project ``name`` from its page; files of other projects are left out."""
    return encode_project(
        group_rows(page.rows).get(name, {}),
        head=make_head(name, base=page.base, etag=etag, modified=modified, expires=expires),
    )


def encode_project(versions: Mapping[Version, list[Row]], *, head: Mapping[str, object]) -> bytes:
    """Make a record of files that are already sorted out by version."""
    newest_first = sorted(versions, reverse=True)
    return encode_record(
        head=head,
        versions=[str(version) for version in newest_first],
        blobs=[
            _encode([_encode_row(row) for row in versions[version]]).encode("ascii")
            for version in newest_first
        ],
    )


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):  # ValueError: a number of thousands of digits
        return None


def _encode_row(row: Row) -> list[object]:
    filename, url, hashes, size, upload_time, requires_python, yanked, metadata = row
    url = url.partition("#")[0]
    if url.endswith("/" + filename):
        url = url[: -len(filename)]
    return [
        filename,
        url,
        _encode_hashes(hashes),
        size,
        upload_time,
        requires_python,
        yanked,
        0 if metadata is None else (_encode_hashes(metadata) or 1),
    ]


def _encode_hashes(hashes: Mapping[str, str]) -> object:
    if len(hashes) == 1 and "sha256" in hashes:
        return hashes["sha256"]
    return hashes
