"""Inflate what an archive's member holds, never more than it declares.

`isal` does it two to three times faster than zlib where it is installed; both release the interpreter
lock while they work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

try:
    from isal import isal_zlib as _zlib
except ImportError:
    import zlib as _zlib  # type: ignore[no-redef]

#: Bytes that are held at once of a big member, on either side.
CHUNK = 1 << 20


class _Inflater(Protocol):
    eof: bool
    unconsumed_tail: bytes
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


crc32: Callable[[bytes, int], int] = _zlib.crc32
_ZlibError: type[Exception] = getattr(_zlib, "error")  # noqa: B009 - its stub has an instance


class InflateError(Exception):
    """The compressed data is not what the archive says; the text says how."""


def inflate(data: bytes, size: int) -> bytes:
    """Inflate a raw deflate stream that must hold exactly ``size`` bytes."""
    inflater: _Inflater = _zlib.decompressobj(-15)
    try:
        content = inflater.decompress(data, size + 1)
        if len(content) == size and not inflater.eof and not inflater.unconsumed_tail:
            content += inflater.decompress(b"", 1)
    except _ZlibError as error:
        raise InflateError(f"its compressed data is damaged ({error})") from error
    if len(content) > size:
        raise InflateError(f"it holds more than the {size} bytes it declares")
    if len(content) < size or not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
        raise InflateError("its compressed data does not end where it should")
    return content


def inflate_chunks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Inflate a raw deflate stream piece by piece, stopping as soon as it exceeds ``size`` bytes."""
    inflater: _Inflater = _zlib.decompressobj(-15)
    total = 0
    for chunk in chunks:
        pending = chunk
        while pending or not inflater.eof:
            if inflater.eof:
                raise InflateError("its compressed data does not end where it should")
            try:
                content = inflater.decompress(pending, CHUNK)
            except _ZlibError as error:
                raise InflateError(f"its compressed data is damaged ({error})") from error
            pending = inflater.unconsumed_tail
            total += len(content)
            if total > size:
                raise InflateError(f"it holds more than the {size} bytes it declares")
            if content:
                yield content
            elif not pending:
                break
        if inflater.unused_data:
            raise InflateError("its compressed data does not end where it should")
    if total != size or not inflater.eof:
        raise InflateError("its compressed data does not end where it should")
