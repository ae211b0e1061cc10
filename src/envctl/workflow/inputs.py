"""The files a command starts from: found, read once, and remembered by digest.

Reading happens here and only here, so that what was planned from and what was checked for
staleness are the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from envctl.errors import InputError, MachineError
from envctl.frozen import dataclass
from envctl.lock.lock import Lock
from envctl.lock.parse import parse as parse_lock
from envctl.manifest.manifest import Manifest, PathSource
from envctl.manifest.parse import parse as parse_manifest
from envctl.manifest.project import find_project
from envctl.unchanged import MANIFEST, find_manifest
from envctl.workflow.context import Context
from envctl.workflow.remarks import tell_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A manifest with the digests (hexadecimal sha256) of the files it was read from, by absolute path."""

    manifest: Manifest
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedLock:
    """The lock beside the manifest; ``lock`` and ``digest`` (hex sha256 of the bytes) are None for none."""

    path: str
    lock: Lock | None
    digest: str | None


def locate_manifest(context: Context) -> str:
    """Find the manifest: the file named on the command line, else the first ``env.toml`` upwards.

    Raises:
        InputError: `no-manifest`.
    """
    path = find_manifest(context.directory, context.manifest)
    if path is None:
        raise InputError(
            "no-manifest",
            f"there is no `{MANIFEST}` in `{context.directory}` nor in any folder above it",
            hints=["`envctl init` writes one here", "`-f FILE` names another file"],
        )
    if not os.path.isfile(path):
        raise InputError("no-manifest", f"there is no file `{context.manifest}`", where=path)
    return path


def read_file(path: str) -> bytes:
    """Read an input file whole.

    Raises:
        InputError: `no-file` when it is not there.
        MachineError: `not-readable`.
    """
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError("no-file", f"there is no file `{path}`", where=path) from error
    except OSError as error:
        raise MachineError(
            "not-readable", f"`{path}` cannot be read: {error.strerror}", where=path
        ) from error


def load_manifest(context: Context) -> Loaded:
    """Find, read and parse the manifest, and the ``pyproject.toml`` that it may name.

    Raises:
        InputError: `no-manifest`, or everything that is wrong with the files, together.
    """
    path = locate_manifest(context)
    tell_manifest(context, path)
    data = read_file(path)
    digests = {path: hashlib.sha256(data).hexdigest()}
    project = find_project(data, path=path)
    pyproject = None
    if project is not None:
        pyproject = read_file(project)
        digests[project] = hashlib.sha256(pyproject).hexdigest()
    return Loaded(manifest=parse_manifest(data, path=path, pyproject=pyproject), digests=digests)


def load_lock(manifest: Manifest, path: str | None = None) -> LoadedLock:
    """Read and parse the manifest's lock, or the one at ``path``; one that is not there is None.

    Raises:
        InputError: `bad-lock`; `no-file` for a ``path`` that is not there.
    """
    target = path if path is not None else manifest.lock.path
    if path is None and not os.path.exists(target):
        return LoadedLock(path=target, lock=None, digest=None)
    data = read_file(target)
    allowed = frozenset(source.path for source in manifest.sources.values() if isinstance(source, PathSource))
    try:
        lock = parse_lock(data, path=target, allowed_paths=allowed)
    except InputError as error:
        if path is None:
            raise
        raise InputError(error.code, error.message, where=error.where, hints=_suggest(target)) from error
    return LoadedLock(path=target, lock=lock, digest=hashlib.sha256(data).hexdigest())


#: What other tools call their own locks, and how each writes the one that all can read.
_EXPORTS = {
    "uv.lock": "uv export --format pylock.toml -o pylock.uv.toml",
    "pdm.lock": "pdm export --format pylock -o pylock.pdm.toml",
}


def _suggest(path: str) -> tuple[str, ...]:
    """Say what ``--from`` takes, and how to come by it."""
    hint = "`--from` takes a `pylock.toml` (PEP 751) of any tool"
    export = _EXPORTS.get(os.path.basename(path))
    return (hint,) if export is None else (hint, f"`{export}` writes one")
