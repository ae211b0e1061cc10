"""What one answer of an index says: JSON and HTML pages brought to one form, or refused.

A page is hostile input. Its size is bounded before it gets here, its shape is checked before anything of
it is used, and no step takes more than linear time. Nothing is fetched and nothing is stored here.

Source: PEP 503 (HTML), 592 (yank), 629 (version), 658 and 714 (metadata), 691 (JSON), 700 (size and time),
792 (status).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from envctl.frozen import dataclass
from envctl.index.anchors import Anchor, scan_anchors
from envctl.index.entry import refuse_page, resolve_link

JSON = "application/vnd.pypi.simple.v1+json"
#: What is asked for: JSON by preference.
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_API_MAJOR = 1
_API_MINOR = 4  # PEP 792
#: Above this many bytes a page is counted before it is parsed: 64 MB of `{},` would become gigabytes.
_COUNT_ABOVE = 4 * 1024 * 1024
_MAXIMAL_VALUES = 1_500_000
_MAXIMAL_OBJECTS = 400_000
_LONGEST_FRAGMENT = 1024
_LONGEST_REASON = 500
#: What users have to know of a project (PEP 792). ``active``, and what nobody knows yet, is nothing to tell.
_STATUSES = frozenset({"archived", "deprecated", "quarantined"})
_SPACE = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The files of a page in its order: the file name, and the entry as JSON text (PEP 691).

    ``base`` is what the URLs in the entries are relative to. ``newer`` says that the index speaks a newer
    minor version than this client knows. ``status`` is ``archived``, ``deprecated`` or ``quarantined``, with
    the reason behind a colon where there is one (PEP 792); None for a project that is none of these.
    """

    entries: Sequence[tuple[str, str]]
    base: str
    newer: bool = False
    status: str | None = None


def parse_page(body: bytes | bytearray, *, content_type: str, url: str) -> Page:
    """Parse the answer of an index; ``url`` is where it came from, after redirects.

    Raises:
        UpstreamError: `bad-index-page` for a content type that is not of the Simple API, an API version
            above 1, values of wrong types, and links to what is not HTTP or, from an encrypted page, not
            encrypted.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        page = _parse_json(body, url)
    elif kind in {"application/vnd.pypi.simple.v1+html", "text/html"}:
        page = _parse_html(body, url)
    else:
        raise refuse_page(url, f"its content type is `{kind[:80]}`")
    return page


# JSON (PEP 691)


def _parse_json(body: bytes | bytearray, url: str) -> Page:
    if len(body) > _COUNT_ABOVE:
        count = body.count(b",") + body.count(b":")
        if count > _MAXIMAL_VALUES or body.count(b"{") + body.count(b"[") > _MAXIMAL_OBJECTS:
            raise refuse_page(url, "it holds too many values")
    try:
        walk = _Walk(body.decode("utf-8"))
        walk.run()
    except (ValueError, IndexError, RecursionError) as error:
        raise refuse_page(url, "it is not valid JSON") from error
    newer = _check_version(walk.version, url)
    if walk.entries is None:
        raise refuse_page(url, "`files` is not a list of files")
    return Page(entries=walk.entries, base=url, newer=newer, status=walk.status)


class _Walk:
    """A walk over the object of a page, which keeps the text of every entry of ``files``.

    ValueError, IndexError and RecursionError mean that it is not valid JSON.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.version: object = None
        self.status: str | None = None
        self.entries: list[tuple[str, str]] | None = None

    def run(self) -> None:
        """Walk from the first letter to the last."""
        position = self._skip(0)
        if self.text[position] != "{":
            raise ValueError(position)
        position = self._skip(position + 1)
        while self.text[position] != "}":
            position = self._member(position)
            if self.text[position] == ",":
                position = self._skip(position + 1)
                if self.text[position] == "}":
                    raise ValueError(position)
            elif self.text[position] != "}":
                raise ValueError(position)
        if self._skip(position + 1) != len(self.text):
            raise ValueError(position)

    def _member(self, position: int) -> int:
        key, position = _decoder.raw_decode(self.text, position)
        position = self._skip(position)
        if not isinstance(key, str) or self.text[position] != ":":
            raise ValueError(position)
        position = self._skip(position + 1)
        if key == "files" and self.text[position] == "[":
            return self._skip(self._files(position + 1))
        value, position = _decoder.raw_decode(self.text, position)
        if key == "files":
            self.entries = None
        elif key == "meta" and isinstance(value, dict):
            self.version = value.get("api-version")
        elif key == "project-status" and isinstance(value, dict):
            self.status = _read_status(value.get("status"), value.get("reason"))
        return self._skip(position)

    def _files(self, position: int) -> int:
        """Walk the list that begins before ``position``; return where it ends. This loop has to be fast."""
        text, decode = self.text, _decoder.raw_decode
        entries: list[tuple[str, str]] = []
        position = self._skip(position)
        if text[position] == "]":
            self.entries = entries
            return position + 1
        well_formed = True
        while True:
            entry, end = decode(text, position)
            filename = entry.get("filename") if type(entry) is dict else None
            if type(filename) is str:
                entries.append((filename, text[position:end]))
            else:
                well_formed = False
            if text[end] != ",":
                end = self._skip(end)
            if text[end] == "]":
                self.entries = entries if well_formed else None
                return end + 1
            if text[end] != ",":
                raise ValueError(end)
            position = end + 1
            if text[position] != "{":
                position = self._skip(position)

    def _skip(self, position: int) -> int:
        match = _SPACE.match(self.text, position)
        return position if match is None else match.end()


def _check_version(version: object, url: str) -> bool:
    """Refuse another major version; return whether the minor one is newer than known.

    Source: PEP 629, "Clients".
    """
    major, _, minor = version.partition(".") if isinstance(version, str) else ("", "", "")
    if not (major.isdecimal() and minor.isdecimal() and len(major) < 10 and len(minor) < 10):
        raise refuse_page(url, "its API version is missing or malformed")
    if int(major) != _API_MAJOR:
        raise refuse_page(url, f"its API version is `{version}`, and this envctl knows version {_API_MAJOR}")
    return int(minor) > _API_MINOR


def _read_status(status: object, reason: object) -> str | None:
    """Join a status and its reason; None for one that there is nothing to tell of."""
    if not isinstance(status, str) or status.lower() not in _STATUSES:
        return None
    why = " ".join(reason[:_LONGEST_REASON].split()) if isinstance(reason, str) else ""
    return f"{status.lower()}: {why}" if why else status.lower()


# HTML (PEP 503)


def _parse_html(body: bytes | bytearray, url: str) -> Page:
    try:
        document = scan_anchors(body)
    except ValueError as error:
        raise refuse_page(url, "it holds too many links") from error
    meta = document.meta
    newer = _check_version(meta["repository-version"], url) if "repository-version" in meta else False
    base = resolve_link(document.base, url, "base") if document.base else url
    entries = [entry for anchor in document.anchors if (entry := _read_anchor(anchor)) is not None]
    status = _read_status(meta.get("project-status"), meta.get("project-status-reason"))
    return Page(entries=entries, base=base, newer=newer, status=status)


def _read_anchor(anchor: Anchor) -> tuple[str, str] | None:
    """Bring one anchor to the form of PEP 691; None where its target has no file name of a distribution."""
    link, _, fragment = anchor.get("href", "").strip().partition("#")
    filename = unquote(link.partition("?")[0].rpartition("/")[2])
    if not filename.endswith((".whl", ".tar.gz", ".zip")):
        return None
    entry: dict[str, object] = {"filename": filename, "url": link, "hashes": _read_fragment(fragment)}
    if anchor.get("data-requires-python"):
        entry["requires-python"] = anchor["data-requires-python"]
    if "data-yanked" in anchor:
        entry["yanked"] = anchor["data-yanked"]
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    if metadata is not None and metadata != "false":
        entry["core-metadata"] = _read_fragment(metadata)
    return filename, json.dumps(entry)


def _read_fragment(text: str) -> Mapping[str, str]:
    """Read ``sha256=…`` pairs; what is no pair of name and hexadecimal digest is passed over."""
    pairs = (part.partition("=") for part in text[:_LONGEST_FRAGMENT].split("&"))
    return {
        name.lower(): digest.lower()
        for name, _, digest in pairs
        if digest and name.isalnum() and all(letter in "0123456789abcdefABCDEF" for letter in digest)
    }
