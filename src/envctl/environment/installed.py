"""Distributions that envctl did not lay: what their ``.dist-info`` says, held against their files.

Sources: PyPA "Recording installed projects" (METADATA, RECORD, INSTALLER, REQUESTED, direct_url.json).
Read with ``open`` alone: `importlib.metadata` costs thirty times as much.
"""

from __future__ import annotations

import binascii
import csv
import errno
import hashlib
import io
import json
import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from packaging.version import InvalidVersion, Version

from envctl.environment.tree import BYTECODE, Seen
from envctl.frozen import dataclass
from envctl.model.state import Distribution, Drift, DriftKind
from envctl.plan.address import format_package

# What a hash of a RECORD must be to prove anything.
_TRUSTED = {"sha256", "sha384", "sha512"}

_UNBLOCKED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

# PyPA "Names and normalization"; `packaging.utils` would bring wheel tags along, 15 ms of imports.
_SEPARATORS = re.compile(r"[-_.]+")

# A METADATA may be long; its name and version are at its beginning.
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Installed:
    """One distribution of others, and how its files differ from its RECORD."""

    distribution: Distribution
    drift: tuple[Drift, ...]


def read_installed(
    root: str, info: str, found: Mapping[str, Seen], *, own: Iterable[str]
) -> Installed | None:
    """Read the distribution whose ``.dist-info`` or ``.egg-info`` is ``info`` (relative to ``root``, POSIX).

    ``own`` holds the paths in that folder, which belong to it whether RECORD lists them or not. None when
    it says neither name nor version: then it is just a folder.
    """
    is_egg = info.endswith(".egg-info")
    head = _read_head(f"{root}/{info}/{'PKG-INFO' if is_egg else 'METADATA'}") or (
        _read_head(f"{root}/{info}") if is_egg else None
    )
    if head is None:
        return None
    name, version = head
    rows = _read_record(root, info)
    paths = {*own, *(path for path, _, _ in rows if path in found)}
    address = format_package(name)
    if is_egg or not rows:
        drift: tuple[Drift, ...] = (
            Drift(address=address, kind=DriftKind.METADATA, path=info, detail="has no RECORD"),
        )
    else:
        drift = tuple(_check(root, address, rows, found))
    direct_url = _read_text(f"{root}/{info}/direct_url.json")
    distribution = Distribution(
        name=name,
        version=version,
        info=info,
        installer=(_read_text(f"{root}/{info}/INSTALLER") or "").strip(),
        origin=_make_canonical(direct_url),
        direct_url=direct_url,
        requested=f"{info}/REQUESTED" in found,
        intact=not drift,
        paths=tuple(sorted(paths)),
    )
    return Installed(distribution, drift)


def _read_head(path: str) -> tuple[str, str] | None:
    text = _read_text(path)
    if text is None:
        return None
    name = version = ""
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        if not colon:
            break  # the first line that is no header ends them
        if key.lower() == "name":
            name = value.strip()
        elif key.lower() == "version":
            version = value.strip()
    if not name or not version:
        return None
    return _SEPARATORS.sub("-", name).lower(), _normalise(version)


def _normalise(version: str) -> str:
    try:
        return str(Version(version))
    except InvalidVersion:
        return version


def _open(path: str) -> io.BufferedReader:
    """Open a regular file. What is none may never end, or never begin, to be read."""
    file = open(os.open(path, os.O_RDONLY | _UNBLOCKED), "rb")  # noqa: SIM115 - closed by who asked, or below
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", path)
    return file


def _read_text(path: str) -> str | None:
    try:
        with _open(path) as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None


def _make_canonical(direct_url: str | None) -> str | None:
    if direct_url is None:
        return None
    try:
        return json.dumps(json.loads(direct_url), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return direct_url


_Row = tuple[str, str, str]


def _read_record(root: str, info: str) -> list[_Row]:
    """Read path, hash and size of each row, bytecode excepted; paths relative to the environment.

    A row that leads out of the environment says nothing about it, and is dropped.
    """
    site = posixpath.dirname(info)
    try:
        with _open(f"{root}/{info}/RECORD") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, csv.Error):
        return []
    return list(_resolve_rows(root, site, rows))


def _resolve_rows(root: str, site: str, rows: Iterable[list[str]]) -> Iterator[_Row]:
    prefix = root.replace(os.sep, "/").rstrip("/") + "/"
    for row in rows:
        if not row or not row[0]:
            continue
        written = row[0].replace("\\", "/") if os.name == "nt" else row[0]
        path = posixpath.normpath(posixpath.join(site, written))
        if written.startswith(prefix):
            path = posixpath.normpath(written[len(prefix) :])
        parts = path.split("/")
        if parts[0] in {"", ".."} or BYTECODE in parts:
            continue
        digest, size = (*row[1:], "", "")[:2]
        yield path, digest, size


def _check(root: str, address: str, rows: Iterable[_Row], found: Mapping[str, Seen]) -> Iterator[Drift]:
    for path, digest, size in rows:
        seen = found.get(path)
        if seen is None:
            yield Drift(address=address, kind=DriftKind.MISSING, path=path)
        elif digest:
            if size and size != str(seen.size) and not seen.is_link:
                detail = f"{seen.size} bytes instead of {size}"
                yield Drift(address=address, kind=DriftKind.MODIFIED, path=path, detail=detail)
            elif not _has_digest(f"{root}/{path}", digest):
                yield Drift(address=address, kind=DriftKind.MODIFIED, path=path)


def _has_digest(path: str, expected: str) -> bool:
    algorithm, _, encoded = expected.partition("=")
    if algorithm not in _TRUSTED:
        return False
    try:
        with _open(path) as file:
            digest = hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return False
    text = binascii.b2a_base64(digest, newline=False).translate(bytes.maketrans(b"+/", b"-_"))
    return text.rstrip(b"=").decode() == encoded.rstrip("=")
