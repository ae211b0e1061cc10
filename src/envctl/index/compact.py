"""From a page to a record: the files sorted out by version, once, when the page arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from packaging.version import InvalidVersion, Version

from envctl.frozen import replace
from envctl.index.filename import split_filename
from envctl.index.listing import FLAT, describe_blob, encode_record, make_head, parse_head
from envctl.index.page import JSON, Page, parse_page

#: The versions of one project, newest first, each with the texts of its entries.
Grouped = Sequence[tuple[Version, Sequence[str]]]


def group_files(entries: Iterable[tuple[str, str]]) -> dict[str, Grouped]:
    """Sort entries, given with their file names, by project and version.

    Those with names of no wheel or sdist are left out.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for filename, entry in entries:
        parts = split_filename(filename)
        if parts is not None:
            group = groups.get(parts)
            if group is None:
                groups[parts] = [entry]
            else:
                group.append(entry)
    projects: dict[str, list[tuple[Version, list[str]]]] = {}
    for (name, text), group in groups.items():
        version = _parse_version(text)
        if version is not None:
            projects.setdefault(name, []).append((version, group))
    return {name: _order(versions) for name, versions in projects.items()}


def _order(versions: list[tuple[Version, list[str]]]) -> Grouped:
    """Bring the newest to the front and join what is one version in two spellings (`1.0` and `1.0.0`).

    It then has the shorter one, whichever the page names first: two answers must not make two locks.
    """
    ordered: list[tuple[Version, list[str]]] = []
    for version, group in sorted(versions, key=itemgetter(0), reverse=True):
        if ordered and ordered[-1][0] == version:
            known, entries = ordered[-1]
            ordered[-1] = (min(known, version, key=lambda one: (len(str(one)), str(one))), [*entries, *group])
        else:
            ordered.append((version, group))
    return ordered


def compact(page: Page, name: str, *, etag: str | None, modified: str | None, expires: int) -> bytes:
    """Make the record of project ``name`` from its page; files of other projects are left out."""
    return encode_project(
        group_files(page.entries).get(name, ()),
        head=make_head(
            name, base=page.base, etag=etag, modified=modified, expires=expires, status=page.status
        ),
    )


def compact_flat(page: Page, *, etag: str | None, modified: str | None, expires: int) -> bytes:
    """Make the record of a page that has the files of many projects: one blob, a page of the Simple API."""
    entries = ",".join(entry for _, entry in page.entries)
    return encode_record(
        head=make_head(
            FLAT, base=page.base, etag=etag, modified=modified, expires=expires, status=page.status
        ),
        versions=["0"],
        blobs=[f'{{"meta":{{"api-version":"1.0"}},"files":[{entries}]}}'.encode()],
    )


def open_flat(record: bytes) -> Page | None:
    """Read what `compact_flat` made; None for a damaged one."""
    head = parse_head(record, lambda offset, size: record[offset : offset + size])
    blob = b"" if head is None else record[head.offset :]
    if head is None or head.spans != describe_blob(blob):
        return None
    page = parse_page(blob, content_type=JSON, url=head.base)
    return replace(page, status=head.status)


def encode_project(versions: Grouped, *, head: Mapping[str, object]) -> bytes:
    """Make a record of entries that are already sorted out by version."""
    return encode_record(
        head=head,
        versions=[str(version) for version, _ in versions],
        blobs=[f"[{','.join(entries)}]".encode() for _, entries in versions],
    )


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):  # ValueError: a number of thousands of digits
        return None
