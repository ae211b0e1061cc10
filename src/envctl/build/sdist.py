"""Source archives: unpacked so that nothing lands outside the folder, and read without a build.

They are opened as strictly as wheels (`envctl.archive`): everything is checked before the first byte is
written, and what one reader would see otherwise than another is refused whole.
"""

from __future__ import annotations

import email.parser
import os
import re
from collections.abc import Iterable, Iterator

from envctl import atomic
from envctl.archive.limits import Limits
from envctl.archive.tar import TarMember, check_tar, read_tar
from envctl.archive.zip import open_archive
from envctl.errors import UpstreamError

#: Codes of the archives' own, which for a source archive are all one.
_CODES = frozenset({"bad-archive", "unsafe-archive", "archive-too-big"})

_METADATA_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})", re.ASCII)


def unpack_sdist(path: str, target: str, *, filename: str, limits: Limits | None = None) -> None:
    """Unpack a ``.tar.gz`` or ``.zip`` source archive into the existing folder ``target``.

    The ending of ``filename`` decides which it is. Modes become 0644 or 0755.

    Raises:
        UpstreamError: `bad-sdist` naming the archive, the member and the reason.

    Source: the source distribution format; PEP 706 for what must never be unpacked.
    """
    try:
        if filename.endswith(".zip"):
            _unpack_zip(path, target, filename, limits)
        else:
            _unpack_tar(path, target, filename, limits)
    except UpstreamError as error:
        if error.code not in _CODES:
            raise
        raise UpstreamError("bad-sdist", error.message, where=filename) from error


def _unpack_tar(path: str, target: str, filename: str, limits: Limits | None) -> None:
    def take(member: TarMember, content: Iterator[bytes]) -> None:
        _place(target, member.name, content, executable=member.executable)

    check_tar(path, label=filename, limits=limits)
    read_tar(path, take, label=filename, limits=limits)


def _unpack_zip(path: str, target: str, filename: str, limits: Limits | None) -> None:
    with open_archive(path, label=filename, limits=limits) as archive:
        for member in archive.members:
            _place(target, member.name, archive.read_chunks(member), executable=member.executable)


def _place(target: str, name: str, content: Iterable[bytes], *, executable: bool) -> None:
    place = os.path.join(target, *name.rstrip("/").split("/"))
    if name.endswith("/"):
        atomic.make_directories(place)
        return
    atomic.make_directories(os.path.dirname(place))
    with atomic.create(place) as file:
        for piece in content:
            file.write(piece)
    if executable:
        atomic.set_mode(place, 0o755)


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
    # What is not ASCII comes as an object of the parser's.
    found = _METADATA_VERSION.fullmatch(str(headers.get("Metadata-Version", "")).strip())
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    dynamic = {str(field).lower() for field in headers.get_all("Dynamic", ())}
    if version < (2, 2) or dynamic & {"version", "requires-dist", "provides-extra", "requires-python"}:
        return None
    return data
