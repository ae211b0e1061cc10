"""A ``.tar.gz``, opened strictly: what reads alike to every reader of tar, or it is refused.

Readers of tar differ in whose word they take for a name and a size when there are several: the plain header,
records of PAX, the long names of GNU. So only such archives are accepted in which these do not contradict
each other; which hold plain files and folders, each once; and which end where they say, as one gzip member.

``tarfile`` is not used: it passes all of that, and its filters differ from version to version.

Source: POSIX.1-2024, ``pax``, "ustar Interchange Format" and "pax Interchange Format"; GNU tar, "Basic Tar
Format"; RFC 1952.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, NoReturn, Self

from envctl.archive.limits import Limits
from envctl.archive.name import find_collision, find_fault
from envctl.errors import UpstreamError

_BLOCK = 512
_CHUNK = 1 << 18
_ZEROS = bytes(_BLOCK)

#: Types of members: plain files (the second is that of the oldest tars), folders, and headers about others.
_FILES, _FOLDER = frozenset({b"0", b"\0"}), b"5"
_PAX, _PAX_GLOBAL, _GNU_NAME = b"x", b"g", b"L"

#: Where the numbers stand that nobody unpacks by, and that some readers stumble over: owners, time, device.
_IDLE = ((108, 116), (116, 124), (136, 148), (329, 337), (337, 345))

#: Longer headers about a member, in bytes, exist only to be slow.
_LONGEST_HEADER = 1 << 20

#: What PAX may say of a member without changing what a reader unpacks.
_HARMLESS = frozenset({"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment", "charset"})
_HARMLESS_PREFIXES = ("LIBARCHIVE.", "SCHILY.", "RHT.", "MSWINDOWS.")


class TarMember(NamedTuple):
    """One file or folder; a folder's name ends in a slash. ``size`` is bytes."""

    name: str
    size: int
    executable: bool


#: Takes a member and its content in pieces.
Take = Callable[[TarMember, Iterator[bytes]], None]


def check_tar(path: str, *, label: str, limits: Limits | None = None) -> tuple[TarMember, ...]:
    """Look at all of an archive, and return its members; nothing is written.

    ``label`` is what it is called in errors.

    Raises:
        UpstreamError: `bad-archive` when it contradicts itself or is damaged; `unsafe-archive` for a name, or
            a kind of member, that is not let in; `archive-too-big`.
    """
    members: list[TarMember] = []
    seen: set[str] = set()

    def take(member: TarMember, _: Iterator[bytes]) -> None:
        members.append(member)
        if member.name in seen and not member.name.endswith("/"):
            _unsafe(label, member.name, "occurs twice")
        seen.add(member.name)

    read_tar(path, take, label=label, limits=limits)
    found = find_collision(dict.fromkeys(member.name for member in members))
    if found is not None:
        _unsafe(label, *found)
    return tuple(members)


def read_tar(path: str, take: Take, *, label: str, limits: Limits | None = None) -> None:
    """Read an archive that `check_tar` found sound: hand each member with its content to ``take``."""
    limits = limits or Limits()
    with open(path, "rb") as file:
        reader = _Reader(_Stream(file.read, os.fstat(file.fileno()).st_size, label, limits), label)
        for number, member in enumerate(reader):
            if number == limits.members:
                _too_big(label, f"it holds more than {limits.members} files")
            content = reader.content(member.size)
            take(member, content)
            for _ in content:  # what the taker left
                pass


class _Stream:
    """The bytes that one gzip member holds, counted while they are inflated."""

    def __init__(self, read: Callable[[int], bytes], packed: int, label: str, limits: Limits) -> None:
        self._limits = limits
        self._read = read
        self._packed = packed
        self._label = label
        self._inflater = zlib.decompressobj(31)
        self._pending = b""
        self._buffer = b""
        self._at = 0
        self._total = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes, fewer only at the end."""
        while len(self._buffer) - self._at < length and self._more():
            pass
        found = self._buffer[self._at : self._at + length]
        self._at += len(found)
        return found

    def _more(self) -> bool:
        if self._inflater.eof:
            if self._inflater.unused_data or self._pending or self._read(1):
                _bad(self._label, "something follows its end")
            return False
        data = self._pending or self._read(_CHUNK)
        try:
            content = self._inflater.decompress(data, _CHUNK)
        except zlib.error as error:
            _bad(self._label, f"its compressed data is damaged ({error})")
        self._pending = self._inflater.unconsumed_tail
        if not data and not content:
            _bad(self._label, "it was cut short")
        self._total += len(content)
        fault = self._limits.find_excess(self._total, self._packed)
        if fault:
            _too_big(self._label, fault)
        self._buffer = self._buffer[self._at :] + content
        self._at = 0
        return True


class _Reader:
    """Yields members; between two of them `content` has to be read to its end."""

    def __init__(self, stream: _Stream, label: str) -> None:
        self._stream = stream
        self._label = label

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TarMember:
        about: Mapping[str, str] = {}
        long_name: str | None = None
        while True:
            header = self._stream.take(_BLOCK)
            if header in {b"", _ZEROS}:
                if about or long_name is not None or not header:
                    _bad(self._label, "it was cut short")
                self._check_end()
                raise StopIteration
            kind, name, size, mode = self._parse(header)
            if kind == _PAX_GLOBAL:
                self._check_records(self._records(size), name, is_global=True)
            elif kind == _PAX and not about and long_name is None:
                about = self._records(size)
                self._check_records(about, name, is_global=False)
            elif kind == _GNU_NAME and not about and long_name is None:
                long_name = self._text(self._header_data(size).rstrip(b"\0"))
            elif kind in {_PAX, _GNU_NAME}:
                _bad(self._label, "two headers say what a member is called", name)
            else:
                stated = about.get("path", long_name)
                return self._member(kind, name if stated is None else stated, size, mode, about)

    def content(self, size: int) -> Iterator[bytes]:
        """Yield the content of the member that was returned last, and pass over what fills its last block."""
        left = size
        while left:
            piece = self._stream.take(min(left, _CHUNK))
            if not piece:
                _bad(self._label, "it was cut short")
            left -= len(piece)
            yield piece
        self._stream.take(-size % _BLOCK)

    def _parse(self, header: bytes) -> tuple[bytes, str, int, int]:
        """Read a header: the kind of the member, its name, its size in bytes, its mode."""
        if len(header) < _BLOCK:
            _bad(self._label, "it was cut short")
        stated = self._number(header[148:156])
        unsigned = sum(header[:148]) + sum(header[156:]) + 8 * 0x20
        if stated != unsigned:
            _bad(self._label, "a header is damaged, or it is no tar archive")
        for start, end in _IDLE:
            if header[start] not in {0x80, 0xFF}:  # else as binary, which only sizes must not be
                self._number(header[start:end])
        name = self._text(header[:100].partition(b"\0")[0])
        prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
        if prefix:
            name = f"{self._text(prefix)}/{name}"
        return header[156:157], name, self._number(header[124:136]), self._number(header[100:108])

    def _member(self, kind: bytes, name: str, size: int, mode: int, about: Mapping[str, str]) -> TarMember:
        if kind not in _FILES and kind != _FOLDER:
            _unsafe(self._label, name, "is a link, a device, or no plain file")
        if "size" in about and about["size"] != str(size):
            _bad(self._label, "two headers say different sizes", name)
        is_folder = kind == _FOLDER
        if is_folder and size:
            _unsafe(self._label, name, "is a folder that holds data")
        if not is_folder and name.endswith("/"):
            _unsafe(self._label, name, "is a folder to some and a file to others")
        plain = name.removesuffix("/").removeprefix("./")
        if is_folder and plain in {"", "."}:
            return self._skip_root()
        fault = find_fault(plain)
        if fault:
            _unsafe(self._label, name, fault)
        return TarMember(plain + "/" if is_folder else plain, size, bool(mode & 0o111))

    def _skip_root(self) -> TarMember:
        # `tar -c .` begins with the folder itself.
        return next(self)

    def _header_data(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            _too_big(self._label, f"a header has {size} bytes")
        data = self._stream.take(size + -size % _BLOCK)
        if len(data) < size:
            _bad(self._label, "it was cut short")
        if data[size:].strip(b"\0"):
            _bad(self._label, "something is hidden behind a header")  # some read records there, too
        return data[:size]

    def _records(self, size: int) -> Mapping[str, str]:
        """Read the records of a PAX header: of each its length, a blank, key, equals sign, value, newline."""
        data = self._header_data(size)
        records: dict[str, str] = {}
        while data:
            length, _, _ = data.partition(b" ")
            if not length.isdigit() or not len(length) + 1 < int(length) <= len(data):
                _bad(self._label, "a PAX header is damaged")
            record, data = data[len(length) + 1 : int(length)], data[int(length) :]
            key, equals, value = record.removesuffix(b"\n").partition(b"=")
            if not equals or not record.endswith(b"\n") or self._text(key) in records:
                _bad(self._label, "a PAX header is damaged")
            # Names of people and remarks may be in any encoding; nobody unpacks by them.
            records[self._text(key)] = self._text(value, is_free=key != b"path")
        return records

    def _check_records(self, records: Mapping[str, str], name: str, *, is_global: bool) -> None:
        for key in records:
            if key in _HARMLESS or key.startswith(_HARMLESS_PREFIXES):
                continue
            if is_global or key not in {"path", "size"}:
                _unsafe(self._label, name, f"has a PAX record `{key[:80]}`, which readers take differently")

    def _number(self, field: bytes) -> int:
        text = field.strip(b" \0")
        if not text:
            return 0
        if not text.isdigit() or b"8" in text or b"9" in text:
            _bad(self._label, "a header holds no number where one should be")
        return int(text, 8)

    def _text(self, data: bytes, *, is_free: bool = False) -> str:
        try:
            return data.decode("utf-8", "replace" if is_free else "strict")
        except UnicodeDecodeError:
            _unsafe(self._label, repr(data)[2:-1][:200], "is not UTF-8")

    def _check_end(self) -> None:
        """After the first empty block there is nothing: what follows would be seen by some readers only."""
        while rest := self._stream.take(_CHUNK):
            if rest.strip(b"\0"):
                _bad(self._label, "something follows its end")


def _bad(label: str, fault: str, name: str | None = None) -> NoReturn:
    member = f" (`{name}`)" if name else ""
    raise UpstreamError("bad-archive", f"`{label}` is not a sound archive: {fault}{member}", where=label)


def _unsafe(label: str, name: str, fault: str) -> NoReturn:
    raise UpstreamError("unsafe-archive", f"`{label}` holds `{name}`, a name that {fault}", where=label)


def _too_big(label: str, fault: str) -> NoReturn:
    raise UpstreamError("archive-too-big", f"`{label}` is refused: {fault}", where=label)
