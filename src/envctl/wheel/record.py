"""RECORD: which files a distribution owns, and what is in them.

Source: "Recording installed projects", "The RECORD file" (PEP 376, 627); the binary distribution format,
"Signed wheel files" (PEP 427).
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Iterable, Iterator

from envctl.frozen import dataclass

#: What the specification calls "sha256 or better"; md5 and sha1 prove nothing.
ALGORITHMS = frozenset(
    ["sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"]
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: ``path`` as written, ``algorithm`` and hexadecimal ``digest`` (None if not stated), bytes."""

    path: str
    algorithm: str | None = None
    digest: str | None = None
    size: int | None = None


def parse_record(text: str) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Parse the rows of a RECORD, and say what is wrong with those that are no rows.

    Line ends may be those of any system, and paths may be quoted.
    """
    rows: list[Row] = []
    faults: list[str] = []
    reader = csv.reader(_split_lines(text), strict=True)
    try:
        for fields in reader:
            if not fields:
                continue
            row = _parse_row(fields)
            if row is None:
                faults.append(f"line {reader.line_num} is no row: `{','.join(fields)}`")
            else:
                rows.append(row)
    except csv.Error as error:
        faults.append(f"line {reader.line_num} is no row: {error}")
    return tuple(rows), tuple(faults)


def _split_lines(text: str) -> Iterator[str]:
    """Split one by one: a RECORD may have 200,000 rows, and an open text of it is four times its size."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _parse_row(fields: list[str]) -> Row | None:
    if len(fields) != 3:
        return None
    path, stated, size = fields
    if size and not (size.isascii() and size.isdecimal() and len(size) < 20):
        return None
    length = int(size) if size else None
    if not stated:
        return Row(path, size=length)
    algorithm, separator, encoded = stated.partition("=")
    digest = _decode(encoded)
    if not separator or digest is None:
        return None
    return Row(path, algorithm, digest, length)


def _decode(encoded: str) -> str | None:
    encoded = encoded.rstrip("=")
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).hex()
    except (binascii.Error, ValueError):
        return None


def installed_row(path: str, sha256: str, size: int) -> Row:
    """Make the row of an installed file; ``sha256`` is hexadecimal."""
    return Row(path, "sha256", sha256, size)


def installed_record(rows: Iterable[Row]) -> bytes:
    """Format the RECORD of an installed distribution, sorted by path; its own row states nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in sorted(rows, key=lambda row: row.path):
        stated = ""
        if row.algorithm and row.digest:
            encoded = base64.urlsafe_b64encode(bytes.fromhex(row.digest)).decode().rstrip("=")
            stated = f"{row.algorithm}={encoded}"
        writer.writerow((row.path, stated, "" if row.size is None else row.size))
    return text.getvalue().encode()
