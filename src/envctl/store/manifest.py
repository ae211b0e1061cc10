"""The text form of an entry's manifest.

Columns, not lines: an environment of 45,000 files is read at every apply, and splitting a few long lines
takes a third of the time of splitting many short ones::

    envctl-entry 2 <crc32 of the entry's key and all that follows, 8 hex digits>
    <about: JSON>
    <generation: hex>
    <paths, tab separated, sorted>
    <sizes in bytes, blank separated, in the order of the paths; the same for what follows>
    <modes, decimal>
    <mtimes in nanoseconds>
    <inode numbers>
    <sha256 digests, hex>

The checksum finds torn and rotten manifests, and those of another entry; nobody is kept out by it, who can
write here can write the files too.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence

from envctl.store.entry import StoredFile

_FIRST_WORDS = b"envctl-entry 2 "


def format_manifest(
    key: str, about: Mapping[str, object], generation: str, files: Sequence[StoredFile]
) -> bytes:
    """Write the manifest of ``key``. ``files`` are sorted by path; no path holds a control character."""
    lines = [json.dumps(about, sort_keys=True, separators=(",", ":")), generation]
    paths, sizes, modes, mtimes, inodes, digests = zip(*files, strict=True) if files else ((),) * 6
    lines.append("\t".join(paths))
    lines += [" ".join(map(str, column)) for column in (sizes, modes, mtimes, inodes)]
    lines.append(" ".join(digests))
    body = "\n".join(lines).encode("utf-8", "surrogateescape")
    return b"%s%s" % (_head(key, body), body)


def parse_manifest(data: bytes, key: str) -> tuple[dict[str, object], str, tuple[StoredFile, ...]] | None:
    """Read the manifest of ``key``: about, generation, files.

    None for one that is torn, rotten, of another entry or of another schema.
    """
    body = _check(data, key)
    if body is None:
        return None
    about, generation, paths, *numbers, digests = body.decode("utf-8", "surrogateescape").split("\n")
    if not paths:
        return json.loads(about), generation, ()
    columns = [map(int, column.split(" ")) for column in numbers]
    rows = zip(paths.split("\t"), *columns, digests.split(" "), strict=True)
    return json.loads(about), generation, tuple(map(StoredFile._make, rows))


def parse_about(data: bytes, key: str) -> dict[str, object] | None:
    """Read of a manifest what its entry remembers, and none of its columns; None as `parse_manifest`."""
    body = _check(data, key)
    return None if body is None else json.loads(body.partition(b"\n")[0])


def _check(data: bytes, key: str) -> bytes | None:
    """Give what the checksum is of, if it is."""
    start = len(_FIRST_WORDS) + 9
    body = data[start:]
    return body if data[:start] == _head(key, body) else None


def _head(key: str, body: bytes) -> bytes:
    return b"%s%08x\n" % (_FIRST_WORDS, zlib.crc32(body, zlib.crc32(key.encode())))
