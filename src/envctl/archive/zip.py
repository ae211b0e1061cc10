"""A ZIP archive, opened strictly: every byte of the file is accounted for, or it is refused.

Readers of ZIP differ in which of its two tables of contents they believe, and in what they do with what
lies between. So only files that read the same to all of them are accepted: the members lie back to back
from the first byte to the central directory, each local header says what its central one says, the
central directory ends where the record at the end of the file begins, and that ends the file.

``zipfile`` is not used: it passes prefixes, hidden members and duplicates.

Source: APPNOTE.TXT 6.3.10, sections 4.3 (general format), 4.4 (fields), 4.5.3 (zip64), 4.6.9 (0x7075).
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, NoReturn, Self

from envctl.archive.inflate import CHUNK, InflateError, crc32, inflate, inflate_chunks
from envctl.archive.limits import Limits
from envctl.archive.name import find_collision, find_fault
from envctl.errors import UpstreamError

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FIELD = struct.Struct("<2H")

#: Flags that mean nothing to a reader: how hard was compressed, a data descriptor, names in UTF-8.
_PLAIN_FLAGS = 0b1000_0000_1110
_ENCRYPTED_FLAGS = 0b10_0000_0100_0001
_DESCRIPTOR = 0x08
_UTF8 = 0x800
_STORED, _DEFLATED = 0, 8
_ZIP64_FIELD, _UNICODE_NAME_FIELD = 0x0001, 0x7075
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


class Member(NamedTuple):
    """One file of an archive. ``start`` and ``packed`` say where its data is (bytes)."""

    name: str
    size: int
    packed: int
    start: int
    crc: int
    deflated: bool
    executable: bool


class _Header(NamedTuple):
    """A central header: what the local one must repeat, and where that is."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    attributes: int


class ZipArchive:
    """An open archive that has been walked whole; ``members`` are its files, in the order of the data.

    Directories are not kept: those that files need are made. For one thread at a time.
    """

    def __init__(self, descriptor: int, label: str, members: tuple[Member, ...]) -> None:
        self._descriptor = descriptor
        self._label = label
        self.members = members

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read(self, member: Member) -> bytes:
        """Read one member whole; for those whose size is known to be small.

        Raises:
            UpstreamError: `bad-archive` when its data is not what its header says.
        """
        data = _read_exactly(self._descriptor, member.start, member.packed, self._label)
        try:
            content = inflate(data, member.size) if member.deflated else data
        except InflateError as error:
            self._refuse(member, str(error), error)
        if crc32(content, 0) != member.crc:
            self._refuse(member, "its checksum is wrong")
        return content

    def read_chunks(self, member: Member) -> Iterator[bytes]:
        """Read one member in pieces of a megabyte; the checksum is compared after the last.

        Raises:
            UpstreamError: `bad-archive`, as `read`.
        """
        crc = 0
        pieces = self._read_packed(member)
        try:
            for chunk in inflate_chunks(pieces, member.size) if member.deflated else pieces:
                crc = crc32(chunk, crc)
                yield chunk
        except InflateError as error:
            self._refuse(member, str(error), error)
        if crc != member.crc:
            self._refuse(member, "its checksum is wrong")

    def _read_packed(self, member: Member) -> Iterator[bytes]:
        position, end = member.start, member.start + member.packed
        while position < end:
            length = min(CHUNK, end - position)
            yield _read_exactly(self._descriptor, position, length, self._label)
            position += length

    def _refuse(self, member: Member, fault: str, cause: BaseException | None = None) -> NoReturn:
        raise UpstreamError(
            "bad-archive", f"`{self._label}` holds a damaged file `{member.name}`: {fault}", where=self._label
        ) from cause


def open_archive(path: str, *, label: str | None = None, limits: Limits | None = None) -> ZipArchive:
    """Open the archive at ``path`` and walk it whole; ``label`` is what errors call it.

    Raises:
        UpstreamError: `bad-archive` for one that is damaged, or that two readers could take for
            different things; `unsafe-archive` for names, links and kinds of files that are refused;
            `archive-too-big` for one beyond ``limits``. Nothing is read but headers.
    """
    label = label or os.path.basename(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        walker = _Walker(descriptor, label, limits or Limits())
        return ZipArchive(descriptor, label, walker.walk())
    except BaseException:
        os.close(descriptor)
        raise


class _Walker:
    """One walk over an archive's two tables of contents."""

    def __init__(self, descriptor: int, label: str, limits: Limits) -> None:
        self._descriptor = descriptor
        self._label = label
        self._limits = limits
        self._size = os.fstat(descriptor).st_size

    def walk(self) -> tuple[Member, ...]:
        count, length, offset, end = self._find_directory()
        if offset + length != end:
            self._bad("its central directory does not end where the end record begins")
        if count > self._limits.members:
            self._too_big(f"it holds {count} files, more than {self._limits.members}")
        if length > self._limits.directory:
            self._too_big(f"its central directory has {length} bytes")
        headers = self._parse_directory(self._read(offset, length), count)
        self._check_sizes(headers)
        members = self._check_layout(headers, offset)
        self._check_collisions(members)
        return tuple(member for member in members if not member.name.endswith("/"))

    # --- the end of the file ---

    def _find_directory(self) -> tuple[int, int, int, int]:
        """Find the central directory: count of members, length, offset, and where it must end."""
        tail_start = max(0, self._size - _END.size - _FULL16)
        tail = self._read(tail_start, self._size - tail_start)
        position = tail.rfind(b"PK\5\6")
        if position < 0 or len(tail) - position < _END.size:
            self._bad("it is no ZIP archive, or was cut short")
        _, disk, first_disk, here, count, length, offset, comment = _END.unpack_from(tail, position)
        if position + _END.size + comment != len(tail):
            self._bad("something follows its end record")
        if b"PK" in tail[position + _END.size :]:
            self._bad("the comment at its end could be taken for a part of it")
        if disk or first_disk or here != count:
            self._bad("it is a part of an archive")
        end = tail_start + position
        if end >= _LOCATOR64.size:
            locator = self._read(end - _LOCATOR64.size, _LOCATOR64.size)
            if locator[:4] == b"PK\6\7":
                return self._find_directory64(locator, end, (count, length, offset))
        if count == _FULL16 or _FULL32 in {length, offset}:
            self._bad("it lacks the zip64 record that its end record points to")
        return count, length, offset, end

    def _find_directory64(
        self, locator: bytes, end: int, short: tuple[int, int, int]
    ) -> tuple[int, int, int, int]:
        _, disk, at, disks = _LOCATOR64.unpack(locator)
        if disk or disks != 1 or at != end - _LOCATOR64.size - _END64.size:
            self._bad("its zip64 record is not where it should be")
        signature, size, _, _, disk, first_disk, here, count, length, offset = _END64.unpack(
            self._read(at, _END64.size)
        )
        if signature != b"PK\6\6" or size != _END64.size - 12 or disk or first_disk or here != count:
            self._bad("its zip64 record is wrong")
        full = (_FULL16, _FULL32, _FULL32)
        for brief, long, marker in zip(short, (count, length, offset), full, strict=True):
            if brief not in {long, marker}:
                self._bad("its two end records disagree")
        return count, length, offset, at

    # --- the central directory ---

    def _parse_directory(self, data: bytes, count: int) -> list[_Header]:
        headers: list[_Header] = []
        position = 0
        while position < len(data):
            if len(data) - position < _CENTRAL.size or data[position : position + 4] != b"PK\1\2":
                self._bad("its central directory is damaged")
            fields = _CENTRAL.unpack_from(data, position)
            _, _, _, flags, method, _, _, crc, packed, size = fields[:10]
            name_length, extra_length, comment_length, disk, _, attributes, offset = fields[10:]
            position += _CENTRAL.size
            name = data[position : position + name_length]
            extra = data[position + name_length : position + name_length + extra_length]
            position += name_length + extra_length
            if comment_length or disk or position > len(data):
                self._bad("its central directory holds comments, or is damaged")
            if extra:
                size, packed, offset = self._widen(extra, (size, packed, offset))
            headers.append(_Header(name, flags, method, crc, packed, size, offset, attributes))
        if len(headers) != count:
            self._bad(f"its end record counts {count} files, its central directory {len(headers)}")
        return headers

    def _widen(self, extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
        """Take from a zip64 field the numbers that do not fit; what else is in it may not contradict."""
        long = self._parse_extra(extra)
        if long is None:
            return values
        if len(long) % 8 or len(long) > 24:
            self._bad("a zip64 field is damaged")
        numbers = list(struct.unpack(f"<{len(long) // 8}Q", long))
        if len(numbers) == values.count(_FULL32):
            size, packed, offset = (numbers.pop(0) if value == _FULL32 else value for value in values)
            return size, packed, offset
        # Local headers give both sizes when one of them needs it; some writers do so everywhere.
        for value, number in zip(values, numbers, strict=False):
            if value not in (number, _FULL32):
                self._bad("a zip64 field says something else than its header")
        if _FULL32 in values[len(numbers) :]:
            self._bad("a zip64 field lacks a number")
        wide = [*numbers, *values[len(numbers) :]]
        return wide[0], wide[1], wide[2]

    def _parse_extra(self, extra: bytes) -> bytes | None:
        """Look through an extra field; return the content of the zip64 part, None if there is none."""
        found: bytes | None = None
        while extra:
            if len(extra) < _FIELD.size:
                self._bad("an extra field is damaged")
            kind, length = _FIELD.unpack_from(extra)
            content = extra[_FIELD.size : _FIELD.size + length]
            if len(content) != length or (kind == _ZIP64_FIELD and found is not None):
                self._bad("an extra field is damaged")
            if kind == _UNICODE_NAME_FIELD:
                self._bad("a file has a second name in an extra field")
            if kind == _ZIP64_FIELD:
                found = content
            extra = extra[_FIELD.size + length :]
        return found

    def _check_sizes(self, headers: list[_Header]) -> None:
        fault = self._limits.find_excess(sum(header.size for header in headers), self._size)
        if fault:
            self._too_big(fault)

    # --- the local headers ---

    def _check_layout(self, headers: list[_Header], end: int) -> list[Member]:
        """Compare each local header with its central one; together they must tile the file."""
        members = []
        headers.sort(key=lambda header: header.offset)
        # From the last to the first, letting go of each: an archive may have 200,000 of them.
        position = end
        while headers:
            header = headers.pop()
            if header.offset >= position:
                self._bad("its files overlap, or something lies between them")
            members.append(self._check_local(header, position))
            position = header.offset
        if position:
            self._bad("something lies before its first file")
        members.reverse()
        return members

    def _check_local(self, header: _Header, following: int) -> Member:
        name = self._check_name(header)
        extra_at = _LOCAL.size + len(header.raw_name)
        raw = self._read(header.offset, extra_at)
        (
            signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length,
        ) = _LOCAL.unpack_from(raw)  # fmt: skip
        if signature != b"PK\3\4" or name_length != len(header.raw_name):
            self._bad("a local header is not where it should be, or has another name", name)
        if extra_length:
            extra = self._read(header.offset + extra_at, extra_length)
            size, packed, _ = self._widen(extra, (size, packed, 0))
        if raw[_LOCAL.size :] != header.raw_name or flags != header.flags or method != header.method:
            self._bad("its two headers disagree", name)
        start = header.offset + extra_at + extra_length
        said = (crc, packed, size)
        wanted = (header.crc, header.packed, header.size)
        if flags & _DESCRIPTOR:
            if any(a not in {0, b} for a, b in zip(said, wanted, strict=True)):
                self._bad("its two headers disagree", name)
            self._check_descriptor(header, name, self._read(start + header.packed, following, to=True))
        elif said != wanted or start + header.packed != following:
            self._bad("its two headers disagree", name)
        return Member(
            name,
            header.size,
            header.packed,
            start,
            header.crc,
            deflated=header.method == _DEFLATED,
            executable=bool(header.attributes >> 16 & 0o111),
        )

    def _check_descriptor(self, header: _Header, name: str, found: bytes) -> None:
        """What follows the data of a streamed member must be its data descriptor and nothing else."""
        allowed = []
        for numbers in ("<3L", "<LQQ"):
            try:
                plain = struct.pack(numbers, header.crc, header.packed, header.size)
            except struct.error:
                continue
            allowed += [plain, b"PK\7\x08" + plain]
        if found not in allowed:
            self._bad("its data descriptor is wrong", name)

    def _check_name(self, header: _Header) -> str:
        """Check everything that the central header says about one member; return its name."""
        try:
            name = header.raw_name.decode("utf-8" if header.flags & _UTF8 else "ascii")
        except UnicodeDecodeError:
            self._unsafe(repr(header.raw_name)[2:-1], "is not marked as UTF-8, or is none")
        is_folder = name.endswith("/")
        fault = find_fault(name[:-1] if is_folder else name)
        if fault:
            self._unsafe(name, fault)
        kind = stat.S_IFMT(header.attributes >> 16)
        if kind not in {0, stat.S_IFDIR if is_folder else stat.S_IFREG}:
            self._unsafe(name, "is a link, a device, or no plain file")
        if not is_folder and header.attributes & 0x10:
            self._unsafe(name, "is a folder to some and a file to others")
        if is_folder and header.size:
            self._unsafe(name, "is a folder that holds data")
        if header.flags & _ENCRYPTED_FLAGS:
            self._bad("it is encrypted", name)
        if header.flags & ~_PLAIN_FLAGS or header.method not in {_STORED, _DEFLATED}:
            self._bad(f"it is compressed in a way that is not read here ({header.method})", name)
        if header.method == _STORED and header.size != header.packed:
            self._bad("it is stored with two sizes", name)
        return name

    def _check_collisions(self, members: list[Member]) -> None:
        """No two members may be one file somewhere, and no file may be a folder of another."""
        found = find_collision(member.name for member in members)
        if found is not None:
            self._unsafe(*found)

    # --- reading and refusing ---

    def _read(self, position: int, length: int, *, to: bool = False) -> bytes:
        """Read ``length`` bytes, or with ``to`` up to the position ``length``."""
        if to:
            length -= position
            if not 0 <= length <= _FULL16:
                self._bad("its files overlap, or something lies between them")
        return _read_exactly(self._descriptor, position, length, self._label)

    def _bad(self, fault: str, name: str | None = None) -> NoReturn:
        member = f" (`{name}`)" if name else ""
        raise UpstreamError(
            "bad-archive", f"`{self._label}` is not a sound archive: {fault}{member}", where=self._label
        )

    def _unsafe(self, name: str, fault: str) -> NoReturn:
        raise UpstreamError(
            "unsafe-archive", f"`{self._label}` holds `{name}`, a name that {fault}", where=self._label
        )

    def _too_big(self, fault: str) -> NoReturn:
        raise UpstreamError("archive-too-big", f"`{self._label}` is refused: {fault}", where=self._label)


def _read_exactly(descriptor: int, position: int, length: int, label: str) -> bytes:
    data = _read_at(descriptor, length, position) if length else b""
    while len(data) < length:
        more = _read_at(descriptor, length - len(data), position + len(data))
        if not more:
            raise UpstreamError("bad-archive", f"`{label}` was cut short", where=label)
        data += more
    return data


if sys.platform != "win32":
    _read_at = os.pread
else:

    def _read_at(descriptor: int, length: int, position: int) -> bytes:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, length)
