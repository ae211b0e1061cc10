"""Packs of git taken apart and put together in the test: plain objects, in the order they are given."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

Object = tuple[str, bytes]

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


def read_objects(pack: bytes) -> list[Object]:
    """Read the objects of a pack in which each stands for itself."""
    names = {number: kind for kind, number in _KINDS.items()}
    objects, place = [], 12
    for _ in range(int.from_bytes(pack[8:12], "big")):
        kind = names[pack[place] >> 4 & 7]
        while pack[place] & 0x80:
            place += 1
        stream = zlib.decompressobj()
        objects.append((kind, stream.decompress(pack[place + 1 :])))
        place = len(pack) - len(stream.unused_data)
    return objects


def make_pack(objects: Iterable[Object], *, level: int = 0) -> bytes:
    """Put small objects together; ``level`` is how much they are compressed."""
    objects = list(objects)
    pack = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    for kind, data in objects:
        size = len(data)
        head, size = [_KINDS[kind] << 4 | size & 15], size >> 4
        while size:
            head[-1] |= 0x80
            head.append(size & 127)
            size >>= 7
        pack += bytes(head) + zlib.compress(data, level)
    return pack + hashlib.sha1(pack).digest()


def name_of(item: Object) -> str:
    """Name an object as git does."""
    kind, data = item
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()
