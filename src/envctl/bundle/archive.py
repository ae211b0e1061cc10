"""The format of a bundle: a tar archive whose bytes depend on its content alone.

::

    bundle.json                         what is in it; always the first member
    env.toml  pylock.toml  …            manifest, lock, and the pyproject.toml that the manifest names
    files/<sha256>/<file name>          wheels, sdists, archives; packs of commits

Members are regular files in the order of their paths, of one owner, mode and time. Nothing is compressed:
what is big in it is so already, and compressors differ from one version to the next.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

from envctl import atomic
from envctl.errors import EnvctlError, InputError, raise_together
from envctl.frozen import dataclass

CONTENTS = "bundle.json"
KIND = "envctl.bundle"

#: 1980-01-01: the first moment that every archive format knows.
_TIME = 315532800
_CHUNK = 1 << 20
#: Bytes of the list of contents that are read.
_MOST = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a bundle: ``path`` in it, digest and size; ``source`` is where its bytes are now."""

    path: str
    sha256: str
    size: int
    source: str


def member_of(path: str, source: str) -> Member:
    """Make a member of a file; its digest is told. Raises `OSError`."""
    with open(source, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return Member(path=path, sha256=digest, size=size, source=source)


def write_bundle(path: str, contents: Mapping[str, Any], members: Sequence[Member]) -> None:
    """Write a bundle to ``path``, whole or not at all. Raises `OSError`."""
    temporary = f"{path}.{atomic.unique_name()}"
    try:
        with (
            atomic.create(temporary) as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            data = json.dumps(contents, indent=1, sort_keys=True).encode() + b"\n"
            tar.addfile(_describe(CONTENTS, len(data)), io.BytesIO(data))
            for member in sorted(members, key=lambda each: each.path):
                with open(member.source, "rb") as source:
                    tar.addfile(_describe(member.path, member.size), source)
        atomic.flush(temporary)
        atomic.rename(temporary, path)
    except BaseException:
        atomic.remove(temporary)
        raise


def _describe(path: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size, member.mtime, member.mode = size, _TIME, 0o644
    return member


class Bundle:
    """An open bundle: its list of contents, and its files by path, which are checked when they are read."""

    def __init__(self, path: str, tar: tarfile.TarFile) -> None:
        """Read what is in it.

        Raises:
            InputError: `bad-bundle` for what is none, and for members that the list does not have.
        """
        self.path = path
        self._tar = tar
        self._members = self._read_members()
        self.contents = self._read_contents()
        self.files: Mapping[str, Mapping[str, Any]] = {each["path"]: each for each in self.contents["files"]}
        self._compare()

    def refuse(self, reason: str) -> InputError:
        """Say that it cannot be used."""
        return InputError(
            "bad-bundle",
            f"`{os.path.basename(self.path)}` is no bundle to rely on: {reason}",
            where=self.path,
        )

    def read(self, path: str) -> bytes:
        """Read one of its small files.

        Raises:
            InputError: `bad-bundle` when it is not what the list says.
        """
        content = io.BytesIO()
        self._copy(path, content)
        return content.getvalue()

    def extract(self, path: str, target: str) -> None:
        """Write one of its files to ``target``, a new file. Raises InputError: as `read`; `OSError`."""
        with atomic.create(target) as file:
            self._copy(path, file)

    def check(self) -> None:
        """Read every file of it.

        Raises:
            InputError: `bad-bundle`, for each that is not what the list says.
        """
        problems: list[EnvctlError] = []
        for path in self.files:
            try:
                self._copy(path, None)
            except InputError as error:
                problems.append(error)
        raise_together(problems)

    def _read_members(self) -> dict[str, tarfile.TarInfo]:
        members: dict[str, tarfile.TarInfo] = {}
        for member in self._tar:
            parts = member.name.split("/")
            if not member.isreg() or member.name in members or not {"", ".", ".."}.isdisjoint(parts):
                raise self.refuse(f"`{member.name}` should not be in it")
            members[member.name] = member
        return members

    def _read_contents(self) -> dict[str, Any]:
        member = self._members.get(CONTENTS)
        if member is None or member.size > _MOST:
            raise self.refuse(f"it has no `{CONTENTS}`")
        content = self._tar.extractfile(member)
        assert content is not None  # noqa: S101 - it is a regular file
        try:
            found = json.loads(content.read())
            fits = found["kind"] == KIND and str(found["format_version"]).startswith("1.")
            files = found["files"]
            fits = fits and all(map(_is_listed, files))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.refuse(f"its `{CONTENTS}` is none") from error
        if not fits:
            raise self.refuse(f"its `{CONTENTS}` is none that this version of envctl reads")
        return dict(found)

    def _compare(self) -> None:
        stray = self._members.keys() - self.files.keys() - {CONTENTS}
        if stray:
            raise self.refuse(f"`{min(stray)}` is not in its list")
        missing = self.files.keys() - self._members.keys()
        if missing:
            raise self.refuse(f"`{min(missing)}` is in its list and missing")

    def _copy(self, path: str, target: IO[bytes] | None) -> None:
        content = self._tar.extractfile(self._members[path])
        assert content is not None  # noqa: S101 - it is a regular file
        digest = hashlib.sha256()
        with content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                if target is not None:
                    target.write(chunk)
        if digest.hexdigest() != self.files[path]["sha256"]:
            raise self.refuse(f"`{path}` has another hash than its list says")


def _is_listed(item: Mapping[str, object]) -> bool:
    """Whether an entry of the list of files is one."""
    roles = item.get("roles", [])
    return (
        isinstance(item["path"], str)
        and isinstance(item["sha256"], str)
        and isinstance(item["size"], int)
        and isinstance(roles, list)
        and all(isinstance(each, str) for each in roles)
    )


@contextmanager
def open_bundle(path: str) -> Iterator[Bundle]:
    """Open a bundle for a while.

    Raises:
        InputError: `no-file`; `bad-bundle` for what is none, or damaged.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            yield Bundle(path, tar)
    except FileNotFoundError as error:
        if error.filename != path:
            raise
        raise InputError("no-file", f"there is no file `{path}`", where=path) from error
    except (tarfile.TarError, EOFError, IsADirectoryError) as error:
        raise InputError(
            "bad-bundle", f"`{os.path.basename(path)}` is no bundle: {error}", where=path
        ) from error
