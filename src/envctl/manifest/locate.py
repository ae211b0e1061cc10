"""On which line a key stands: a light scan of TOML that is already known to be valid.

``tomllib`` keeps no positions, and every requirement and every mistake is reported with its line. The scan
knows just enough of the grammar (TOML 1.0) to follow keys: headers, dotted keys, arrays over several
lines, inline tables, arrays of tables, and strings that hold any of these as text. It decides nothing
about validity, and text that is not TOML gives some answer rather than an error.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

#: A dotted key with the places in arrays: ``("index", 0, "url")``.
Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\r]+|\#[^\n]*)
    | (?P<newline>\n)
    | (?P<block>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5})
    | (?P<quoted>"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
    | (?P<mark>[\[\]{},=.])
    | (?P<bare>[^\s\[\]{},=.\#"']+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class _Scan:
    """Where the scan is: what it has found, and what it is inside of."""

    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    spans: dict[Path, tuple[int, int]] = field(default_factory=dict)
    line: int = 1
    table: Path = ()
    lengths: dict[Path, int] = field(default_factory=dict)  # of the arrays of tables
    inside: list[tuple[Path, int | None]] = field(default_factory=list)  # path, and place in an array
    keys: list[str] = field(default_factory=list)
    value: Path | None = None  # what a value belongs to; None while a key or a header is read
    header: int = 0  # brackets of the header that are open
    is_array: bool = False

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.line)


def locate(text: str) -> Mapping[Path, int]:
    """Map every key, table and item of an array in ``text`` to the line it begins at, from 1."""
    return _scan(text).lines


def find_spans(text: str) -> Mapping[Path, tuple[int, int]]:
    """Map every value in ``text`` that is a string to where it begins and ends, quotes included."""
    return _scan(text).spans


def _scan(text: str) -> _Scan:
    scan = _Scan()
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup, match.group()
        if kind == "newline":
            scan.line += 1
            if not scan.inside:
                scan.keys, scan.value, scan.header = [], None, 0
        elif kind != "blank":
            if scan.value is not None and kind in {"quoted", "block"}:
                scan.spans.setdefault(scan.value, match.span())
            _take(scan, kind or "", piece)
            if kind == "block":
                scan.line += piece.count("\n")
    return scan


def _take(scan: _Scan, kind: str, piece: str) -> None:
    if scan.value is not None:
        _take_value(scan, piece)
    elif kind != "mark":
        scan.keys.append(_unquote(piece) if kind == "quoted" else piece)
    elif piece == "=":
        _begin_value(scan)
    elif piece == "[":
        scan.header += 1
        scan.is_array = scan.header > 1
    elif piece == "]" and scan.header:
        _end_header(scan)
    elif piece == "}" and scan.inside:
        scan.inside.pop()
        scan.value = ()
    elif piece == ",":
        scan.keys = []


def _take_value(scan: _Scan, piece: str) -> None:
    assert scan.value is not None  # noqa: S101 - the caller asked
    if piece == ",":
        if not scan.inside:
            return
        path, place = scan.inside[-1]
        if place is None:
            scan.keys, scan.value = [], None
        else:
            scan.inside[-1] = (path, place + 1)
            scan.value = (*path, place + 1)
        return
    if piece in ("]", "}"):
        if scan.inside:
            scan.inside.pop()
        return
    scan.note(scan.value)
    if piece == "[":
        scan.inside.append((scan.value, 0))
        scan.value = (*scan.value, 0)
    elif piece == "{":
        scan.inside.append((scan.value, None))
        scan.keys, scan.value = [], None


def _begin_value(scan: _Scan) -> None:
    path = scan.inside[-1][0] if scan.inside else scan.table
    for key in scan.keys:
        path = (*path, key)
        scan.note(path)
    scan.value = path


def _end_header(scan: _Scan) -> None:
    path: Path = ()
    last = len(scan.keys) - 1
    for number, key in enumerate(scan.keys):
        path = (*path, key)
        scan.note(path)
        if number == last and scan.is_array:
            scan.lengths[path] = scan.lengths.get(path, 0) + 1
        if path in scan.lengths:
            # A table below an array of tables belongs to the array's last element.
            path = (*path, scan.lengths[path] - 1)
            scan.note(path)
    scan.table = path
    scan.keys, scan.header, scan.is_array = [], 0, False
    scan.value = ()  # nothing but the end of the line can follow


def _unquote(piece: str) -> str:
    if piece[0] == "'" or "\\" not in piece:
        return piece[1:-1]
    try:
        return str(tomllib.loads(f"key = {piece}")["key"])
    except tomllib.TOMLDecodeError:
        return piece
