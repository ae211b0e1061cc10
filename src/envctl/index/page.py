"""What one answer of an index says: JSON and HTML pages brought to one form, or refused.

A page is hostile input. Its size is bounded before it gets here, its shape is checked before anything of
it is used, and no step takes more than linear time. Nothing is fetched and nothing is stored here.

Source: PEP 503 (HTML), 592 (yank), 629 (version), 658 and 714 (metadata), 691 (JSON), 700 (size and time).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote

from envctl.errors import UpstreamError
from envctl.index.anchors import Anchor, scan_anchors
from envctl.index.location import format_url, join, split, strip

#: What is asked for: JSON by preference.
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_API_MAJOR = 1
_API_MINOR = 4  # PEP 792
#: Above this many bytes a page is counted before it is parsed: 64 MB of `{},` would become gigabytes.
_COUNT_ABOVE = 4 * 1024 * 1024
_MAXIMAL_VALUES = 1_500_000
_MAXIMAL_OBJECTS = 400_000
_LONGEST_FRAGMENT = 1024


class Row(NamedTuple):
    """One file as the page has it, checked; ``url`` may still be relative to the page's base.

    ``metadata`` is None where the index has no metadata file, else its hashes.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    size: int | None
    upload_time: str | None
    requires_python: str | None
    yanked: str | None
    metadata: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The files of a page in its order. ``base`` is what their URLs are relative to.

    ``newer`` says that the index speaks a newer minor version than this client knows.
    """

    rows: Sequence[Row]
    base: str
    newer: bool = False


def parse_page(body: bytes | bytearray, *, content_type: str, url: str) -> Page:
    """Parse the answer of an index; ``url`` is where it came from, after redirects.

    Raises:
        UpstreamError: `bad-index-page` for a content type that is not of the Simple API, an API version
            above 1, values of wrong types, and links to what is not HTTP or, from an encrypted page, not
            encrypted.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/vnd.pypi.simple.v1+json":
        page = _parse_json(body, url)
    elif kind in {"application/vnd.pypi.simple.v1+html", "text/html"}:
        page = _parse_html(body, url)
    else:
        raise _refuse(url, f"its content type is `{kind[:80]}`")
    return page


def _refuse(url: str, reason: str) -> UpstreamError:
    message = f"the page `{format_url(url)}` is not of the Simple API: {reason}"
    hints = ("check the index's url in env.toml: it should end in /simple/ or be marked flat",)
    return UpstreamError("bad-index-page", message, where=format_url(url), hints=hints)


# JSON (PEP 691)


def _parse_json(body: bytes | bytearray, url: str) -> Page:
    if len(body) > _COUNT_ABOVE:
        values = body.count(b",") + body.count(b":")
        if values > _MAXIMAL_VALUES or body.count(b"{") + body.count(b"[") > _MAXIMAL_OBJECTS:
            raise _refuse(url, "it holds too many values")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refuse(url, "it is not valid JSON") from error
    if not isinstance(data, dict):
        raise _refuse(url, "it is not an object")
    meta = data.get("meta")
    version = meta.get("api-version") if isinstance(meta, dict) else None
    newer = _check_version(version, url)
    files = data.get("files")
    if not isinstance(files, list):
        raise _refuse(url, "`files` is not a list")
    check = _LinkCheck(url)
    return Page(rows=[_read_file(entry, url, check) for entry in files], base=url, newer=newer)


def _check_version(version: object, url: str) -> bool:
    """Refuse another major version; return whether the minor one is newer than known.

    Source: PEP 629, "Clients".
    """
    major, _, minor = version.partition(".") if isinstance(version, str) else ("", "", "")
    if not (major.isdecimal() and minor.isdecimal() and len(major) < 10 and len(minor) < 10):
        raise _refuse(url, "its API version is missing or malformed")
    if int(major) != _API_MAJOR:
        raise _refuse(url, f"its API version is `{version}`, and this envctl knows version {_API_MAJOR}")
    return int(minor) > _API_MINOR


def _read_file(entry: Any, url: str, check: _LinkCheck) -> Row:
    if not isinstance(entry, dict):
        raise _refuse(url, "an entry of `files` is not an object")
    get = entry.get
    filename, link = get("filename"), get("url")
    size, upload_time, requires_python = get("size"), get("upload-time"), get("requires-python")
    if (
        type(filename) is not str
        or type(link) is not str
        or (size is not None and (type(size) is not int or size < 0))
        or (upload_time is not None and type(upload_time) is not str)
        or (requires_python is not None and type(requires_python) is not str)
    ):
        raise _refuse(url, f"a value of the file `{str(filename)[:80]}` has a wrong type")
    if not link.startswith("https://") or "@" in link:
        link = check(link, filename)
    yanked = get("yanked")
    if yanked is False or yanked is None:
        yanked = None
    elif yanked is True:
        yanked = ""
    elif type(yanked) is not str:
        raise _refuse(url, f"`yanked` of `{filename[:80]}` has a wrong type")
    # PEP 714: the new key wins where both are there.
    metadata = get("core-metadata", get("dist-info-metadata", get("data-dist-info-metadata")))
    hashes = get("hashes")
    return Row(
        filename,
        link,
        _read_hashes(hashes, filename, url),
        size,
        upload_time,
        requires_python or None,
        yanked,
        _read_metadata(metadata, filename, url),
    )


def _read_metadata(value: object, filename: str, url: str) -> Mapping[str, str] | None:
    if value is None or value is False:
        return None
    return {} if value is True else _read_hashes(value, filename, url)


def _read_hashes(value: object, filename: str, url: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise _refuse(url, f"hashes of `{filename[:80]}` are not an object")
    for digest in value.values():
        if type(digest) is not str or len(digest) > 256:
            raise _refuse(url, f"a hash of `{filename[:80]}` is malformed")
    return value


class _LinkCheck:
    """Strips credentials from links, and refuses those that may not be followed from this page."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._scheme = split(url).scheme.lower()

    def __call__(self, link: str, filename: str) -> str:
        if ":" not in link and "@" not in link and not link.startswith(("//", "\\")):
            return link  # relative to the page, so of its own scheme
        absolute = strip(join(self._url, link))
        scheme = split(absolute).scheme.lower()
        allowed = {"file"} if self._scheme == "file" else {"https", "http"}
        if scheme not in allowed:
            raise _refuse(self._url, f"it links `{filename[:80]}` to `{format_url(absolute)[:200]}`")
        if self._scheme == "https" and scheme == "http":
            raise _refuse(self._url, f"it links `{filename[:80]}` to a place that is not encrypted")
        return absolute


# HTML (PEP 503)


def _parse_html(body: bytes | bytearray, url: str) -> Page:
    try:
        document = scan_anchors(body)
    except ValueError as error:
        raise _refuse(url, "it holds too many links") from error
    newer = _check_version(document.version, url) if document.version is not None else False
    base = strip(join(url, document.base)) if document.base else url
    check = _LinkCheck(base)
    if document.base and split(base).scheme.lower() not in {"http", "https", "file"}:
        raise _refuse(url, f"its base is `{format_url(base)[:200]}`")
    rows = [row for anchor in document.anchors if (row := _read_anchor(anchor, check)) is not None]
    return Page(rows=rows, base=base, newer=newer)


def _read_anchor(anchor: Anchor, check: _LinkCheck) -> Row | None:
    """Read one anchor; None where its target has no file name (a link to a home page, say)."""
    link, _, fragment = anchor.get("href", "").strip().partition("#")
    filename = unquote(link.partition("?")[0].rpartition("/")[2])
    if not filename.endswith((".whl", ".tar.gz", ".zip")):
        return None
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    return Row(
        filename,
        check(link, filename),
        _read_fragment(fragment),
        None,
        None,
        anchor.get("data-requires-python") or None,
        anchor.get("data-yanked"),
        None if metadata is None or metadata == "false" else _read_fragment(metadata),
    )


def _read_fragment(text: str) -> Mapping[str, str]:
    """Read ``sha256=…`` pairs; what is no pair of name and hexadecimal digest is passed over."""
    pairs = (part.partition("=") for part in text[:_LONGEST_FRAGMENT].split("&"))
    return {
        name.lower(): digest.lower()
        for name, _, digest in pairs
        if digest and name.isalnum() and all(letter in "0123456789abcdefABCDEF" for letter in digest)
    }
