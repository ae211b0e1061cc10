"""Packs whose bytes depend on their objects alone, whichever version of git packed them before.

A pack of git may hold an object as it is, compressed by whichever zlib, or as what differs from another one;
servers choose, and choose anew each time. Here each object stands for itself, uncompressed, in the order of
its name. Any git reads such a pack: uncompressed is one of the ways in which zlib may write.

Source: gitformat-pack(5); RFC 1950; RFC 1951, section 3.2.4, "Non-compressed blocks".
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from typing import IO

_HEAD = b"PACK\x00\x00\x00\x02"
_KINDS = {b"commit": 1, b"tree": 2, b"blob": 3, b"tag": 4}

#: The head of a zlib stream that says: fastest, no dictionary.
_STREAM = b"\x78\x01"
#: Bytes of a block that is not compressed, at most; its head has one byte, its length, and that inverted.
_BLOCK = 0xFFFF
_BLOCK_HEAD = 5
#: A varint of more bytes than any size takes.
_LONGEST = 10


class PackError(Exception):
    """Something is not what it has to be; ``reason`` is the end of a sentence about the pack."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def write_pack(source: IO[bytes], target: IO[bytes], names: Sequence[str]) -> None:
    """Write the pack of the objects ``names`` (hexadecimal), as ``git cat-file --batch`` prints them in turn.

    Every object is held against its name, and none in memory.

    Raises:
        PackError: one is missing, or is not what its name says.
    """
    form = "sha256" if names and len(names[0]) == 64 else "sha1"
    pack = hashlib.new(form, usedforsecurity=False)

    def put(data: bytes) -> None:
        pack.update(data)
        target.write(data)

    put(_HEAD + len(names).to_bytes(4, "big"))
    for name in names:
        line = source.readline()
        told, _, about = line.rstrip(b"\n").partition(b" ")
        kind, _, size = about.partition(b" ")
        if told.decode("ascii", "replace") != name or kind not in _KINDS:
            raise PackError(f"lacks `{name}`")
        digest = hashlib.new(form, b"%s %s\0" % (kind, size), usedforsecurity=False)
        put(_describe(_KINDS[kind], int(size)) + _STREAM)
        check = 1
        for head, length in _blocks(int(size)):
            data = source.read(length)
            digest.update(data)
            check = zlib.adler32(data, check)
            put(head + data)
        put(check.to_bytes(4, "big"))
        if source.read(1) != b"\n" or digest.hexdigest() != name:
            raise PackError(f"has a damaged `{name}`")
    target.write(pack.digest())


def count_objects(source: IO[bytes], *, digest_size: int) -> int:
    """Count the objects of a pack, which has to be as `write_pack` writes them: so none is bigger than it is.

    Their bytes are not looked at, nor is their order: who takes them in hashes them. ``digest_size`` is that
    of its last bytes.

    Raises:
        PackError: for all else.
    """
    end = source.seek(0, os.SEEK_END) - digest_size
    source.seek(0)
    head = source.read(len(_HEAD) + 4)
    count = int.from_bytes(head[len(_HEAD) :], "big")
    if head[: len(_HEAD)] != _HEAD:
        raise PackError("is none")
    for _ in range(count):
        size = _read_size(source)
        if source.read(len(_STREAM)) != _STREAM:
            raise PackError("is compressed")
        for head, length in _blocks(size):
            if source.read(_BLOCK_HEAD) != head or source.seek(length, os.SEEK_CUR) > end:
                raise PackError("is compressed, or cut off")
        source.seek(4, os.SEEK_CUR)
    if source.tell() != end:
        raise PackError("has another length than its objects")
    return count


def _describe(kind: int, size: int) -> bytes:
    """Write the kind and the size of an object: 4 bits of that in the first byte, 7 in each that follows."""
    last, size = kind << 4 | size & 0x0F, size >> 4
    head = bytearray()
    while size:
        head.append(last | 0x80)
        last, size = size & 0x7F, size >> 7
    head.append(last)
    return bytes(head)


def _read_size(source: IO[bytes]) -> int:
    head = bytearray()
    while len(head) < _LONGEST and (not head or head[-1] & 0x80):
        byte = source.read(1)
        if not byte:
            break
        head += byte
    if not head:
        raise PackError("is cut off")
    size = head[0] & 0x0F
    for place, more in enumerate(head[1:]):
        size |= (more & 0x7F) << (4 + 7 * place)
    kind = head[0] >> 4 & 0x07
    if kind not in _KINDS.values() or bytes(head) != _describe(kind, size):
        raise PackError("holds what is no whole object")
    return size


def _blocks(size: int) -> Iterator[tuple[bytes, int]]:
    """Give the head and the length of each block that so many bytes take; no bytes take an empty one."""
    while True:
        length = min(size, _BLOCK)
        size -= length
        inverted = length ^ 0xFFFF
        yield bytes([size == 0]) + length.to_bytes(2, "little") + inverted.to_bytes(2, "little"), length
        if not size:
            return
