"""ZIP archives made by hand, byte by byte, so that each part can lie."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from support.wheels import metadata_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One member. What stands in ``local`` and ``central`` replaces fields of that header.

    Fields: ``name``, ``flags``, ``method``, ``crc``, ``packed``, ``size``, ``extra``; in ``central`` also
    ``offset`` and ``comment``.
    """

    name: str
    content: bytes = b""
    mode: int = 0o100644
    dos: int = 0
    method: int = 8
    flags: int = 0
    data: bytes | None = None
    after: bytes = b""
    in_directory: bool = True
    in_data: bool = True
    local: Mapping[str, object] = field(default_factory=dict)
    central: Mapping[str, object] = field(default_factory=dict)


def deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def descriptor(content: bytes, *, signature: bool = True, method: int = 8) -> bytes:
    packed = len(deflate(content)) if method == 8 else len(content)
    start = b"PK\7\x08" if signature else b""
    return start + struct.pack("<3L", zlib.crc32(content), packed, len(content))


def forge(
    parts: Sequence[Part],
    *,
    prefix: bytes = b"",
    middle: bytes = b"",
    suffix: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    shift: int = 0,
    short: int = 0,
    disk: int = 0,
    zip64: bool = False,
) -> bytes:
    """Write an archive; without the options and with plain parts it is a sound one."""
    body = bytearray(prefix)
    directory = bytearray()
    written = 0
    for part in parts:
        packed = part.data
        if packed is None:
            packed = deflate(part.content) if part.method == 8 else part.content
        fields: dict[str, object] = {
            "name": part.name.encode(),
            "flags": part.flags | (0 if part.name.isascii() else 0x800),
            "method": part.method,
            "crc": zlib.crc32(part.content),
            "packed": len(packed),
            "size": len(part.content),
            "extra": b"",
            "comment": b"",
            "offset": len(body),
        }
        if part.in_data:
            body += _header({**fields, **part.local}) + packed + part.after
        if part.in_directory:
            directory += _central_header({**fields, **part.central}, part.mode << 16 | part.dos)
            written += 1
    offset = len(body) + len(middle) + shift
    body += middle
    end = bytearray()
    total = written if count is None else count
    if zip64:
        at = len(body) + len(directory)
        end += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, total, total, len(directory), offset)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    else:
        end += struct.pack(
            "<4s4H2LH", b"PK\5\6", disk, 0, total, total, len(directory) - short, offset, len(comment)
        )
    return bytes(body + directory + end) + comment + suffix


def _header(fields: Mapping[str, object]) -> bytes:
    name, extra = fields["name"], fields["extra"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    numbers = (fields[key] for key in ("crc", "packed", "size"))
    start = struct.pack("<4s5H", b"PK\3\4", 20, fields["flags"], fields["method"], 0, 33)
    return start + struct.pack("<3L2H", *numbers, len(name), len(extra)) + name + extra


def _central_header(fields: Mapping[str, object], attributes: int) -> bytes:
    name, extra, comment = fields["name"], fields["extra"], fields["comment"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    assert isinstance(comment, bytes)
    numbers = (fields[key] for key in ("crc", "packed", "size"))
    start = struct.pack("<4s6H", b"PK\1\2", 0x314, 20, fields["flags"], fields["method"], 0, 33)
    lengths = (len(name), len(extra), len(comment))
    rest = struct.pack("<3L5H2L", *numbers, *lengths, 0, 0, attributes, fields["offset"])
    return start + rest + name + extra + comment


def record_text(members: Mapping[str, bytes], info: str) -> str:
    """Write a right RECORD of these members and of itself."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        writer.writerow((path, f"sha256={digest}", len(content)))
    writer.writerow((f"{info}/RECORD", "", ""))
    return text.getvalue()


def demo_members(
    files: Mapping[str, bytes] | None = None,
    *,
    name: str = "demo",
    version: str = "1.0",
    info: str = "demo-1.0.dist-info",
    scripts: str | None = None,
    metadata: str | None = None,
    wheel_version: str = "1.0",
    record: str | None = None,
) -> dict[str, bytes]:
    """Make the members of a sound wheel ``demo-1.0-py3-none-any.whl``; the options let it lie."""
    members = {"demo/__init__.py": b"answer = 42\n", **(files or {})}
    members[f"{info}/METADATA"] = (metadata or metadata_text(name, version)).encode()
    members[f"{info}/WHEEL"] = (
        f"Wheel-Version: {wheel_version}\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n".encode()
    )
    if scripts is not None:
        members[f"{info}/entry_points.txt"] = scripts.encode()
    members[f"{info}/RECORD"] = (record_text(members, info) if record is None else record).encode()
    return members


def parts_of(members: Mapping[str, bytes]) -> list[Part]:
    return [Part(name=name, content=content) for name, content in members.items()]
