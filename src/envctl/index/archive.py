"""METADATA out of a wheel, without unpacking it: from a file, or from a server by a few ranges.

Only for deciding. What is installed is checked as a whole later, and its METADATA compared again.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from typing import IO, Any

from packaging.utils import canonicalize_name

from envctl.errors import UpstreamError
from envctl.index.location import format_url
from envctl.index.status import raise_for_status
from envctl.index.transport import Getter, TransientError

#: Core metadata is text that people write; the longest of the public index has half a megabyte.
MAXIMAL_METADATA = 16 * 1024 * 1024
#: The end of a wheel holds the directory, and nearly always the metadata before it.
_TAIL = 48 * 1024
_CHUNK = 32 * 1024
#: A directory of 200,000 entries. More is no wheel.
_MAXIMAL_FETCHED = 64 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class NoRangesError(Exception):
    """The server does not answer ranges; the whole file has to be fetched."""


def read_metadata(file: IO[bytes], *, filename: str) -> bytes:
    """Return the METADATA of the wheel ``filename`` that ``file`` holds.

    Raises:
        UpstreamError: `bad-wheel` when it is no ZIP archive, or has none or several.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            name = _choose_member(archive.namelist(), filename)
            with archive.open(name) as member:
                data = member.read(MAXIMAL_METADATA + 1)
    except _BAD_ZIP as error:
        message = f"`{filename}` is not a valid wheel: it cannot be read as a ZIP archive"
        raise UpstreamError("bad-wheel", message, where=filename) from error
    if len(data) > MAXIMAL_METADATA:
        message = f"the metadata of `{filename}` is longer than {MAXIMAL_METADATA} bytes"
        raise UpstreamError("bad-wheel", message, where=filename)
    return data


def _choose_member(names: list[str], filename: str) -> str:
    """Choose the METADATA of the dist-info folder that the file name promises."""
    project, _, rest = filename.partition("-")
    wanted = (canonicalize_name(project), rest.partition("-")[0])
    found = []
    for name in names:
        folder, slash, last = name.partition("/")
        if not slash or last != "METADATA" or not folder.endswith(".dist-info"):
            continue
        distribution, _, version = folder.removesuffix(".dist-info").partition("-")
        found.append(((canonicalize_name(distribution), version), name))
    if len(found) == 1 and found[0][0][0] == wanted[0]:
        return found[0][1]
    what = "has no METADATA of its own" if not found else "has the metadata of several or other projects"
    message = f"`{filename}` is not a valid wheel: it {what}"
    raise UpstreamError("bad-wheel", message, where=filename)


class RangedFile(io.RawIOBase):
    """A file on a server, read by ranges; what was fetched is kept.

    ``size`` is bytes where the index told. Raises NoRangesError where the server answers with all of it,
    TransientError and UpstreamError as the transport does.

    Source: RFC 9110, 14 "Range Requests".
    """

    def __init__(self, url: str, *, size: int | None, get: Getter) -> None:
        super().__init__()
        self._url = url
        self._get = get
        self._size: int | None = None
        self._position = 0
        self._pieces: list[tuple[int, bytes]] = []
        self._fetched = 0
        if size is None:
            self._fetch(f"bytes=-{_TAIL}", None)
        else:
            start = max(0, size - _TAIL)
            self._fetch(f"bytes={start}-{max(size, 1) - 1}", start)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; past the end is allowed, before the beginning is not."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size or 0}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read at most as much as ``buffer`` holds; fewer bytes at the border of what was fetched."""
        view = memoryview(buffer)
        rest = (self._size or 0) - self._position
        if rest <= 0 or not view:
            return 0
        piece = self._find(self._position)
        if piece is None:
            last = self._position + min(rest, max(len(view), _CHUNK)) - 1
            self._fetch(f"bytes={self._position}-{last}", self._position)
            piece = self._find(self._position)
        if piece is None:
            raise NoRangesError
        start, data = piece
        part = data[self._position - start : self._position - start + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _find(self, position: int) -> tuple[int, bytes] | None:
        for start, data in self._pieces:
            if start <= position < start + len(data):
                return start, data
        return None

    def _fetch(self, wanted: str, start: int | None) -> None:
        headers = {"Range": wanted, "Accept-Encoding": "identity"}
        with self._get(self._url, headers) as response:
            if response.status in {200, 416, 501}:
                raise NoRangesError
            match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if response.status != 206 or match is None:
                raise_for_status(response)
                raise NoRangesError
            first, last, total = (int(number) for number in match.groups())
            if self._size not in {None, total} or (start is not None and first != start) or last >= total:
                raise NoRangesError
            self._size = total
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > last - first + 1 or self._fetched + len(data) > _MAXIMAL_FETCHED:
                    raise NoRangesError
        if len(data) != last - first + 1:
            message = f"`{format_url(self._url)}` broke off before its end"
            raise TransientError("truncated", message)
        self._fetched += len(data)
        self._pieces.append((first, bytes(data)))


def open_ranges(url: str, *, size: int | None, get: Getter) -> IO[bytes]:
    """Open a file on a server for reading at any place; see `RangedFile`."""
    return io.BufferedReader(RangedFile(url, size=size, get=get), buffer_size=8192)
