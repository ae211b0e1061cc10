r"""One project as one index lists it, in the compact form that is cached and decoded piece by piece.

A record is text in three parts::

    envctl-page 1 <bytes of head> <bytes of blobs> <sha256 of head>\n
    {"name": …, "base": …, "versions": "2.0 1.1 1.0", "spans": "312:9f3a01bc 298:…", …}
    [{"filename": …, "url": …, "hashes": …}, …]                    one blob a version, as PEP 691 has it

Versions are newest first, and so are the blobs; a span is a blob's length in bytes and its CRC-32. To
answer a resolver the head is parsed, a dozen of the versions, and the blobs of the few that are looked
at: a page of two thousand releases costs as little as one of twenty. JSON only, never pickle.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

from packaging.version import Version

from envctl.frozen import dataclass
from envctl.index.entry import decode_entry
from envctl.resolve.port import ListedFile

_MAGIC = "envctl-page 1 "
#: The name under which the page of a flat index is kept; no project has it.
FLAT = ""
#: The first line is never longer.
_LONGEST_LINE = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a record says before its blobs.

    ``missing`` means that the index has no such project. ``expires`` is seconds since the epoch;
    ``etag`` and ``modified`` are what the index is asked with again. ``offset`` is where the blobs begin.
    ``status`` is that of `Page`.
    """

    name: str
    base: str
    missing: bool
    etag: str | None
    modified: str | None
    expires: int
    versions: str
    spans: str
    offset: int
    size: int
    status: str | None = None


def make_head(
    name: str,
    *,
    base: str = "",
    missing: bool = False,
    etag: str | None = None,
    modified: str | None = None,
    expires: int = 0,
    status: str | None = None,
) -> dict[str, object]:
    """Return the fields of a head but for its versions."""
    return {
        **({} if status is None else {"status": status}),
        "name": name,
        "base": base,
        "missing": missing,
        "etag": etag,
        "modified": modified,
        "expires": expires,
    }


def encode_record(
    *, head: Mapping[str, object], versions: Sequence[str] = (), blobs: Sequence[bytes] = ()
) -> bytes:
    """Make a record of a head without versions, the versions' texts and their blobs, newest first."""
    spans = " ".join(map(describe_blob, blobs))
    fields = {**head, "versions": " ".join(versions), "spans": spans}
    text = json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"
    size = sum(map(len, blobs))
    line = f"{_MAGIC}{len(text)} {size} {hashlib.sha256(text).hexdigest()}\n"
    return b"".join((line.encode("ascii"), text, *blobs))


def describe_blob(blob: bytes) -> str:
    """Write the span of a blob: its length and its checksum."""
    return f"{len(blob)}:{zlib.crc32(blob):08x}"


def parse_head(data: bytes, read: Callable[[int, int], bytes]) -> Head | None:
    """Parse the head of a record that begins with ``data``; None for anything damaged.

    ``read(offset, size)`` returns more of the record where ``data`` does not reach.
    """
    end = data.find(b"\n", 0, _LONGEST_LINE)
    parts = data[: max(end, 0)].split(b" ")
    if len(parts) != 5 or not data.startswith(_MAGIC.encode("ascii")):
        return None
    try:
        length, size = int(parts[2]), int(parts[3])
        text = data[end + 1 : end + 1 + length]
        if len(text) < length:
            text = read(end + 1, length)
        if hashlib.sha256(text).hexdigest().encode("ascii") != parts[4]:
            return None
        return Head(**json.loads(text), offset=end + 1 + length, size=end + 1 + length + size)
    except (ValueError, TypeError, OSError):
        return None


def refresh_record(data: bytes, *, expires: int, etag: str | None, modified: str | None) -> bytes | None:
    """Return a whole record with new freshness, None when it is damaged."""
    head = parse_head(data, lambda offset, size: data[offset : offset + size])
    if head is None or head.size != len(data):
        return None
    fields = make_head(
        head.name,
        base=head.base,
        missing=head.missing,
        etag=etag or head.etag,
        modified=modified or head.modified,
        expires=expires,
        status=head.status,
    )
    fields |= {"versions": head.versions, "spans": head.spans}
    text = json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"
    body = memoryview(data)[head.offset :]
    line = f"{_MAGIC}{len(text)} {len(body)} {hashlib.sha256(text).hexdigest()}\n"
    return b"".join((line.encode("ascii"), text, body))


class LazyVersions(Sequence[Version]):
    """Versions, newest first, parsed one by one as they are looked at."""

    __slots__ = ("_parsed", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self._parsed: list[Version | None] = [None] * len(texts)

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Version: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Version]: ...
    def __getitem__(self, index: int | slice) -> Version | Sequence[Version]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self.texts)))]
        version = self._parsed[index]
        if version is None:
            version = self._parsed[index] = Version(self.texts[index])
        return version

    def __iter__(self) -> Iterator[Version]:
        for index in range(len(self.texts)):
            yield self[index]

    def find(self, version: Version) -> int:
        """Return the position of ``version``, -1 where it is not listed; a dozen comparisons."""
        low, high = 0, len(self.texts)
        while low < high:
            middle = (low + high) // 2
            if self[middle] > version:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self.texts) and self[low] == version else -1


class DamagedError(Exception):
    """A blob is not what its head promises: the record has to be made anew."""


class ListedProject:
    """A `Project` over a record. ``renew`` makes one anew when the record turns out to be damaged."""

    __slots__ = ("_files", "_head", "_index", "_read", "_renew", "_versions")

    def __init__(
        self,
        head: Head,
        *,
        index: str,
        read: Callable[[int, int], bytes],
        renew: Callable[[], ListedProject | None],
    ) -> None:
        self._head = head
        self._index = index
        self._read = read
        self._renew = renew
        self._versions = LazyVersions(head.versions.split())
        self._files: dict[int, tuple[ListedFile, ...]] = {}

    @property
    def name(self) -> str:
        """The normalised name."""
        return self._head.name

    @property
    def index(self) -> str:
        """The name of the index that lists it."""
        return self._index

    @property
    def status(self) -> str | None:
        """What the index says of the project as a whole; see `Project`."""
        return self._head.status

    @property
    def versions(self) -> LazyVersions:
        """All versions that have a file with a valid name, newest first."""
        return self._versions

    def files(self, version: Version) -> Sequence[ListedFile]:
        """Return the wheels and sdists of a version, in the order of the page; none for one not listed.

        Raises:
            UpstreamError: `bad-index-page` for an entry that is malformed or links where it may not.
        """
        position = self._versions.find(version)
        if position < 0:
            return ()
        files = self._files.get(position)
        if files is None:
            try:
                files = self._decode(position)
            except DamagedError:
                again = self._renew()
                files = tuple(again.files(version)) if again is not None else ()
            self._files[position] = files
        return files

    def _decode(self, position: int) -> tuple[ListedFile, ...]:
        try:
            offset, length, checksum = _parse_span(self._head, position)
            blob = self._read(offset, length)
            if len(blob) != length or zlib.crc32(blob) != checksum:
                raise DamagedError
            entries = json.loads(blob)
        except (ValueError, IndexError, TypeError, OSError) as error:
            raise DamagedError from error
        base = self._head.base
        return tuple(file for entry in entries if (file := decode_entry(entry, base)) is not None)


def open_record(record: bytes, *, index: str) -> ListedProject | None:
    """Open a record that is held in memory; None for a damaged one."""

    def read(offset: int, size: int) -> bytes:
        return record[offset : offset + size]

    head = parse_head(record, read)
    return None if head is None else ListedProject(head, index=index, read=read, renew=lambda: None)


def _parse_span(head: Head, position: int) -> tuple[int, int, int]:
    """Return offset, length and checksum of a blob: cheap for the newest, which is mostly looked at."""
    *before, wanted = head.spans.split(" ", position + 1)[: position + 1]
    if len(before) != position:
        raise IndexError(position)
    length, _, checksum = wanted.partition(":")
    offset = head.offset + sum(int(span.partition(":")[0]) for span in before)
    return offset, int(length), int(checksum, 16)
