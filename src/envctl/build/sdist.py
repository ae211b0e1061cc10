"""Source distributions: unpacked so that nothing lands outside the folder, and read without a build.

Links, devices and duplicate names are refused whole: CPython's own filters are not relied upon,
because the ones of older versions were found wanting (CVE-2025-4517 and its kin).
"""

from __future__ import annotations

import email.parser
import gzip
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from envctl import atomic
from envctl.errors import UpstreamError

#: Limits that no honest sdist reaches; a bomb does.
MAX_BYTES = 2 << 30
MAX_FILES = 200_000


def unpack_sdist(path: str, target: str, *, filename: str) -> None:
    """Unpack a ``.tar.gz`` or ``.zip`` source distribution into the existing folder ``target``.

    Every name is checked before the first byte is written. Modes become 0644 or 0755.

    Raises:
        UpstreamError: `bad-sdist` naming the archive, the member and the reason.

    Source: the source distribution format; PEP 706 for what must never be unpacked.
    """
    try:
        if filename.endswith(".zip"):
            _unpack_zip(path, target, filename)
        else:
            _unpack_tar(path, target, filename)
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _refuse(filename, "", f"the archive is damaged: {error}") from error


def _refuse(filename: str, member: str, reason: str) -> UpstreamError:
    place = f"`{member}` in " if member else ""
    return UpstreamError("bad-sdist", f"{place}`{filename}` was refused: {reason}", where=filename)


def _unpack_tar(path: str, target: str, filename: str) -> None:
    with tarfile.open(path, "r:gz") as archive:
        members = _checked_tar_members(archive, filename)
        for member, name in members:
            if member.isdir():
                atomic.make_directories(os.path.join(target, name))
            else:
                content = archive.extractfile(member)
                if content is None:
                    raise _refuse(filename, member.name, "it has no content")
                _write(os.path.join(target, name), content, executable=bool(member.mode & 0o111))


def _checked_tar_members(archive: tarfile.TarFile, filename: str) -> list[tuple[tarfile.TarInfo, str]]:
    checked: list[tuple[tarfile.TarInfo, str]] = []
    seen: set[str] = set()
    total = 0
    for member in archive:
        if not (member.isreg() or member.isdir()):
            raise _refuse(filename, member.name, "links and special files are not unpacked")
        name = _safe_name(member.name, filename)
        if name in seen and not member.isdir():
            raise _refuse(filename, member.name, "it occurs twice")
        seen.add(name)
        total += member.size
        if total > MAX_BYTES or len(seen) > MAX_FILES:
            raise _refuse(filename, member.name, "the archive is too large")
        checked.append((member, name))
    return checked


def _unpack_zip(path: str, target: str, filename: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = list(_checked_zip_members(archive, filename))
        for member, name in members:
            if member.is_dir():
                atomic.make_directories(os.path.join(target, name))
            else:
                with archive.open(member) as content:
                    mode = member.external_attr >> 16
                    _write(os.path.join(target, name), content, executable=bool(mode & 0o111))


def _checked_zip_members(archive: zipfile.ZipFile, filename: str) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    seen: set[str] = set()
    total = 0
    for member in archive.infolist():
        kind = (member.external_attr >> 16) & 0o170000
        if kind not in {0, 0o100000, 0o040000}:
            raise _refuse(filename, member.filename, "links and special files are not unpacked")
        name = _safe_name(member.filename, filename)
        if name in seen:
            raise _refuse(filename, member.filename, "it occurs twice")
        seen.add(name)
        total += member.file_size
        if total > MAX_BYTES or len(seen) > MAX_FILES:
            raise _refuse(filename, member.filename, "the archive is too large")
        yield member, name


def _safe_name(name: str, filename: str) -> str:
    parts = name.rstrip("/").split("/")
    bad = (
        name.startswith(("/", "\\"))
        or "\\" in name
        or "\0" in name
        or ":" in parts[0]
        or any(part in {"", os.pardir} or len(part.encode()) > 255 for part in parts)
    )
    if bad:
        raise _refuse(filename, name, "its path is not a plain relative one")
    return "/".join(part for part in parts if part != os.curdir) or os.curdir


def _write(path: str, content: IO[bytes], *, executable: bool) -> None:
    atomic.make_directories(os.path.dirname(path))
    atomic.write(path, content.read(), mode=0o755 if executable else 0o644)


def read_static_package_info(folder: str) -> bytes | None:
    """Read ``PKG-INFO`` where it can be trusted to say what a build would say, else None.

    That is so from metadata version 2.2 on, when no field that decides a resolution is ``Dynamic``.

    Source: PEP 643, "Specification".
    """
    try:
        with open(os.path.join(folder, "PKG-INFO"), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    headers = email.parser.BytesHeaderParser().parsebytes(data)
    version = tuple(int(part) for part in headers.get("Metadata-Version", "0").split(".") if part.isdigit())
    dynamic = {str(field).lower() for field in headers.get_all("Dynamic", ())}
    if version < (2, 2) or dynamic & {"version", "requires-dist", "provides-extra", "requires-python"}:
        return None
    return data
