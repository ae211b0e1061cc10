"""Pythons that are built to run from any folder: which there are, and their archives unpacked.

Which builds of python-build-standalone and PyPy there are, where they lie and what their digests are, is what
the library pbs-installer knows: a list that it ships. It is loaded only when something is to be installed.
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from packaging.tags import platform_tags

from envctl import atomic
from envctl.errors import MachineError, UpstreamError
from envctl.frozen import dataclass

_CHUNK = 1 << 20
_BAD_IN_PATHS = ("\\", "\0", ":") if os.name == "nt" else ("\\", "\0")
_REQUEST = re.compile(r"(?:(cpython|pypy)[-@]?)?(\d+(?:\.\d+){1,2})(t?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build for this machine; ``version`` is the language's, ``sha256`` of the archive at ``url``."""

    implementation: str
    version: str
    free_threaded: bool
    filename: str
    url: str
    sha256: str

    @property
    def folder(self) -> str:
        """The name of the folder that it is installed in."""
        return f"{self.implementation}-{self.version}{'t' if self.free_threaded else ''}"

    @property
    def executables(self) -> tuple[str, ...]:
        """Where its interpreter may lie below that folder, best first."""
        minor = ".".join(self.version.split(".")[:2])
        name = "python" if self.implementation == "cpython" else self.implementation
        suffix = "t" if self.free_threaded else ""
        return (f"bin/{name}{minor}{suffix}", f"bin/{name}3", "python.exe", "pypy.exe")


def choose_build(request: str, *, mirror: str | None) -> Build:
    """Choose the newest build for this machine of ``3.12``, ``3.12.4``, ``3.14t`` or ``pypy3.11``.

    ``mirror`` is a URL below which the files lie under their own names, instead of where they are published.

    Raises:
        MachineError: `no-python-build` when there is none, or none whose digest is known.
    """
    found = _REQUEST.fullmatch(request.strip())
    if found is None:
        raise _no_build(request, "it is no version such as `3.12`, `3.12.4`, `3.14t` or `pypy3.11`")
    if any("musllinux" in tag for tag in platform_tags()):
        raise _no_build(request, "there are builds for glibc alone, and this machine has musl")
    from pbs_installer import get_download_link  # noqa: PLC0415 - reads a list of megabytes

    implementation = (found[1] or "cpython").lower()
    try:
        version, (url, sha256) = get_download_link(
            found[2] + found[3].lower(),
            implementation=cast("str", implementation),  # type: ignore[arg-type]  # a Literal of the two
            base_url=mirror,
        )
    except ValueError as error:
        raise _no_build(request, "none is known for this machine") from error
    filename = url.rpartition("/")[2].replace("%2B", "+")
    if not filename.endswith((".tar.gz", ".tar.bz2", ".tgz", ".zip")):
        raise _no_build(request, f"`{filename}` is of a kind that is not unpacked")
    if not sha256:
        raise _no_build(request, f"no digest of `{filename}` is known")
    return Build(
        implementation=version.implementation,
        version=f"{version.major}.{version.minor}.{version.micro}",
        free_threaded=version.freethreaded,
        filename=filename,
        url=url.replace("+", "%2B"),
        sha256=sha256,
    )


def _no_build(request: str, why: str) -> MachineError:
    return MachineError(
        "no-python-build",
        f"there is no build of Python `{request}` to install: {why}",
        hints=["a newer release of pbs-installer may know more", "`envctl python list` shows what is here"],
    )


def unpack_python(archive: str, target: str, *, filename: str) -> None:
    """Unpack the archive of a build into ``target``, which is not there yet, without its top folder.

    Regular files, folders, and links that stay inside; anything else refuses the archive. Modes become 0644
    or 0755.

    Raises:
        UpstreamError: `bad-python-archive`.
    """
    try:
        if filename.endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                _unpack_zip(opened, target, filename)
        else:
            with tarfile.open(archive) as opened_tar:
                _unpack_tar(opened_tar, target, filename)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _refuse(filename, f"it is damaged: {error}") from error


def _refuse(filename: str, reason: str) -> UpstreamError:
    return UpstreamError("bad-python-archive", f"`{filename}` was refused: {reason}", where=filename)


def _unpack_tar(archive: tarfile.TarFile, target: str, filename: str) -> None:
    members = archive.getmembers()
    places = {member.name: _place(member.name, filename) for member in members}
    links: list[tuple[str, str]] = []
    atomic.make_directories(target)
    for member in members:
        place = places[member.name]
        path = os.path.join(target, *place)
        if member.isdir():
            atomic.make_directories(path)
        elif member.isreg() and place:
            content = archive.extractfile(member)
            assert content is not None  # noqa: S101 - a regular file has content
            _write(path, content, executable=bool(member.mode & 0o111))
        elif member.issym() and place:
            _check_link(place, member.linkname, filename)
            links.append((member.linkname, path))
        elif member.islnk() and place:
            # A hard link: what it names was unpacked before.
            links.append(
                (
                    os.path.relpath(
                        os.path.join(target, *_place(member.linkname, filename)), os.path.dirname(path)
                    ),
                    path,
                )
            )
        else:
            raise _refuse(filename, f"`{member.name}` is neither file nor folder nor link")
    # Last of all, so that nothing is written through one.
    for text, path in links:
        atomic.make_directories(os.path.dirname(path))
        atomic.symlink(text, path)


def _unpack_zip(archive: zipfile.ZipFile, target: str, filename: str) -> None:
    members = [(member, _place(member.filename, filename)) for member in archive.infolist()]
    atomic.make_directories(target)
    for member, place in members:
        path = os.path.join(target, *place)
        if member.is_dir():
            atomic.make_directories(path)
        else:
            _write(path, archive.open(member), executable=bool((member.external_attr >> 16) & 0o111))


def _place(name: str, filename: str) -> tuple[str, ...]:
    """Give the parts of a member's path below its top folder; none for that folder itself."""
    parts = name.rstrip("/").split("/")
    if not {"", os.pardir, os.curdir}.isdisjoint(parts) or any(each in name for each in _BAD_IN_PATHS):
        raise _refuse(filename, f"the path `{name}` is not a plain relative one")
    return tuple(parts[1:])


def _check_link(place: tuple[str, ...], text: str, filename: str) -> None:
    depth = len(place) - 1
    for part in text.split("/"):
        depth += -1 if part == ".." else 0 if part in {"", "."} else 1
        if depth < 0 or text.startswith("/"):
            raise _refuse(filename, f"the link `{'/'.join(place)}` leads outside")


def _write(path: str, content: IO[bytes], *, executable: bool) -> None:
    atomic.make_directories(os.path.dirname(path))
    # Closed here: an interrupt that arrives while nobody closes it would be lost.
    with content, atomic.create(path) as file:
        for chunk in _chunks(content):
            file.write(chunk)
    if executable:
        atomic.set_mode(path, 0o755)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK):
        yield chunk
