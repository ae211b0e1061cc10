"""`parse`: the bytes of a ``pylock.toml``, of any tool, to a `Lock` that is safe to act on.

PEP 751 itself is checked by packaging; here stands what a lock must not do to its reader: leave its
folder, name a file that is no file name, carry credentials, or rest on a weak or cut digest.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from packaging.pylock import (
    Package,
    PackageArchive,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
    PylockValidationError,
)

from envctl.errors import InputError
from envctl.lock.lock import Lock
from envctl.model.dependency import check_expression
from envctl.model.digest import digest_value

# Longer ones are not worth a regular expression's time.
_LONGEST_NAME = 255
_DEEPEST = 100

_HASH_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_STRONG = frozenset({"sha256", "sha384", "sha512"})
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FILE_SCHEMES = frozenset({"http", "https", "file"})
_VCS_SCHEMES = frozenset({"https", "http", "ssh", "file"})


def parse(data: bytes, *, path: str, allowed_paths: Collection[str] | None = ()) -> Lock:
    """Parse a lock that lies at ``path`` (absolute).

    ``allowed_paths`` are absolute: what the manifest names in its sources, and may lie outside the
    lock's folder. None is for a lock that is only looked at: its paths may lead anywhere.

    Raises:
        InputError: `bad-lock`, with the key at fault.
    """
    try:
        table = tomllib.loads(data.decode())
        _check_sizes(table)
        pylock = Pylock.from_dict(table)
    except UnicodeDecodeError as error:
        raise _bad("it is not UTF-8", path) from error
    except PylockValidationError as error:
        raise _bad(str(error), path) from error
    except ValueError as error:  # TOMLDecodeError, and that of an integer with thousands of digits
        raise _bad(f"it is not TOML: {error}", path) from error
    except RecursionError as error:
        raise _bad("it is nested too deeply", path) from error
    for position, package in enumerate(pylock.packages):
        for problem in _problems(package, os.path.dirname(path), allowed_paths):
            raise _bad(f"{problem} in `packages[{position}]` ({package.name})", path)
    digest, targets, pythons = _own_table(pylock, path)
    return Lock(
        path=path,
        pylock=pylock,
        data=data,
        raw_digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        digest=digest,
        targets=targets,
        pythons=pythons,
        content=digest_value(table),
    )


def _bad(what: str, path: str) -> InputError:
    return InputError(
        "bad-lock",
        f"the lock cannot be used: {what}",
        where=path,
        hints=("Make it anew with `envctl lock`, after moving this file away",),
    )


def _check_sizes(table: Mapping[str, object]) -> None:
    """Refuse what would cost a parser too much, before any parser of versions or markers sees it."""
    packages = table.get("packages")
    entries = (
        [entry for entry in packages if isinstance(entry, Mapping)] if isinstance(packages, list) else []
    )
    for position, entry in enumerate(entries):
        for key in ("name", "version"):
            if len(str(entry.get(key, ""))) > _LONGEST_NAME:
                raise PylockValidationError("Too long", context=f"packages[{position}].{key}")
        for key in ("marker", "requires-python"):
            _check_expression(entry.get(key), f"packages[{position}].{key}")
    environments = table.get("environments")
    for marker in environments if isinstance(environments, list) else ():
        _check_expression(marker, "environments")
    _check_expression(table.get("requires-python"), "requires-python")


def _check_expression(value: object, context: str) -> None:
    if not isinstance(value, str):
        return
    if value.count("(") > _DEEPEST:
        raise PylockValidationError("Nested too deeply", context=context)
    try:
        check_expression(value)
    except ValueError as error:
        raise PylockValidationError(f"Of no use, {error}", context=context) from error


def _problems(package: Package, folder: str, allowed_paths: Collection[str] | None) -> Iterator[str]:
    """Yield what is wrong with one package; the first is enough to refuse the lock."""
    for file in (*(package.wheels or ()), package.sdist, package.archive):
        if file is not None:
            yield from _file_problems(file)
            yield from _path_problems(file.path, folder, allowed_paths)
    if package.directory is not None:
        yield from _path_problems(package.directory.path, folder, allowed_paths)
        yield from _subdirectory_problems(package.directory.subdirectory)
    if package.archive is not None:
        yield from _subdirectory_problems(package.archive.subdirectory)
    if package.vcs is not None:
        yield from _vcs_problems(package.vcs, folder, allowed_paths)


def _file_problems(file: PackageWheel | PackageSdist | PackageArchive) -> Iterator[str]:
    if not isinstance(file, PackageArchive) and not _is_file_name(file.filename):
        yield f"`{file.filename}` is no file name"
    if file.url is not None:
        yield from _url_problems(file.url, _FILE_SCHEMES)
    if file.size is not None and file.size < 0:
        yield f"the size {file.size} is negative"
    for algorithm, digest in file.hashes.items():
        expected = _HASH_LENGTHS.get(algorithm, len(digest))
        if not _HEXADECIMAL.fullmatch(digest) or len(digest) != expected:
            yield f"`{digest[:140]}` is no {algorithm}"
    if _STRONG.isdisjoint(file.hashes):
        yield "a file has no SHA-256"


def _url_problems(url: str, schemes: Collection[str]) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        yield "a URL is malformed"
        return
    if parts.scheme not in schemes or not port_is_valid or not url.isprintable() or " " in url:
        yield f"the URL of a file has the scheme `{parts.scheme}`" if parts.scheme else "a URL is malformed"
    elif parts.scheme != "file" and not parts.hostname:
        yield "a URL names no host"
    # The name of a user is how ssh says which account; anything else would be a secret in a file.
    elif parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        yield "a URL carries credentials"


def _vcs_problems(vcs: PackageVcs, folder: str, allowed_paths: Collection[str] | None) -> Iterator[str]:
    if vcs.type != "git":
        yield f"`{vcs.type}` checkouts are not supported"
    if not _COMMIT.fullmatch(vcs.commit_id):
        yield f"`{vcs.commit_id[:80]}` is no full commit"
    if vcs.url is not None:
        yield from _url_problems(vcs.url.removeprefix("git+"), _VCS_SCHEMES)
    yield from _path_problems(vcs.path, folder, allowed_paths)
    yield from _subdirectory_problems(vcs.subdirectory)


def _path_problems(path: str | None, folder: str, allowed_paths: Collection[str] | None) -> Iterator[str]:
    """Refuse a path out of the lock's folder that nobody allowed, as text: links are not followed here."""
    if path is None:
        return
    if not path.isprintable() or "\\" in path or re.match(r"[A-Za-z]:", path):
        yield f"`{path}` is no portable path"
        return
    if allowed_paths is None:
        return
    absolute = os.path.normpath(os.path.join(folder, path))
    inside = absolute == os.path.normpath(folder) or absolute.startswith(os.path.join(folder, ""))
    if (os.path.isabs(path) or not inside) and absolute not in allowed_paths:
        yield f"the path `{path}` leaves the folder of the lock, and no source of the manifest names it"


def _subdirectory_problems(subdirectory: str | None) -> Iterator[str]:
    if subdirectory is None:
        return
    parts = subdirectory.split("/")
    if (
        "\\" in subdirectory
        or not subdirectory.isprintable()
        or subdirectory.startswith("/")
        or ".." in parts
    ):
        yield f"the subdirectory `{subdirectory}` leaves its source"


def _is_file_name(name: str) -> bool:
    return (
        0 < len(name) <= _LONGEST_NAME
        and name.isprintable()
        and not any(character in name for character in "/\\:")
        and name not in {".", ".."}
    )


def _own_table(pylock: Pylock, path: str) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    table = (pylock.tool or {}).get("envctl")
    if table is None:
        return None, (), ()
    if not isinstance(table, Mapping):
        raise _bad("`tool.envctl` is no table", path)
    digest = table.get("digest")
    if digest is not None and not isinstance(digest, str):
        raise _bad("`tool.envctl.digest` is no text", path)
    return digest, _texts(table, "targets", path), _texts(table, "python", path)


def _texts(table: Mapping[str, object], key: str, path: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _bad(f"`tool.envctl.{key}` is no array of texts", path)
    return tuple(value)
