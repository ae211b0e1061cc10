"""The files a command starts from: found, read once, and remembered by digest.

Reading happens here and only here, so that what was planned from and what was checked for
staleness are the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Mapping

import packaging

from envctl.errors import InputError, MachineError
from envctl.frozen import dataclass
from envctl.manifest.manifest import Declaration, Manifest
from envctl.manifest.plain import SHAPE, dump_manifest
from envctl.manifest.plain import load_manifest as recall_manifest
from envctl.manifest.select import select_environment
from envctl.unchanged import MANIFEST, find_manifest
from envctl.version import VERSION
from envctl.workflow.context import Context, open_memo
from envctl.workflow.remarks import tell_manifest

MANIFESTS = "manifests-v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A manifest with the digests (hexadecimal sha256) of the files it was read from, by absolute path."""

    manifest: Manifest
    digests: Mapping[str, str]


def locate_manifest(context: Context, edited: Container[str] = ()) -> str:
    """Find the manifest: the file named on the command line, else the first ``env.toml`` upwards.

    A file of those ``edited`` need not be on disk yet.

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
    if path not in edited and not os.path.isfile(path):
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


def load_manifest(context: Context, edited: Mapping[str, bytes] | None = None) -> Loaded:
    """Find, read and parse the manifest, and the ``pyproject.toml`` that it may name.

    ``edited`` has texts that count instead of those on disk, by absolute path.

    Raises:
        InputError: `no-manifest`, or everything that is wrong with the files, together.
    """
    path = locate_manifest(context, edited or {})
    if edited is None:
        edited = {}
        tell_manifest(context, path)
    data = edited[path] if path in edited else read_file(path)
    digests = {path: hashlib.sha256(data).hexdigest()}
    memo, key = open_memo(context.settings), _key(path, data)
    known = memo.find(MANIFESTS, key)
    if known is None:
        from envctl.manifest.project import find_project  # noqa: PLC0415 - parsers: 60 ms

        project, before, text = find_project(data, path=path), None, ""
    else:
        project, before, text = json.loads(known)
    pyproject = None
    if project is not None:
        pyproject = edited[project] if project in edited else read_file(project)
        digests[project] = hashlib.sha256(pyproject).hexdigest()
    now = None if project is None else digests[project]
    if text and before == now:
        return Loaded(manifest=recall_manifest(text), digests=digests)
    from envctl.manifest.parse import parse as parse_manifest  # noqa: PLC0415 - likewise

    manifest = parse_manifest(data, path=path, pyproject=pyproject)
    memo.keep(MANIFESTS, key, json.dumps([project, now, dump_manifest(manifest)]).encode("ascii"))
    return Loaded(manifest=manifest, digests=digests)


def _key(path: str, data: bytes) -> str:
    """Name what decides how a manifest is understood, but the ``pyproject.toml`` that it may name."""
    about = f"{VERSION}\0{SHAPE}\0{packaging.__version__}\0{path}\0".encode("utf-8", "surrogateescape")
    return hashlib.sha256(about + data).hexdigest()


def declared(context: Context) -> tuple[Loaded, Declaration]:
    """Read the manifest and pick the environment that is meant.

    Raises:
        InputError: anything wrong with the files; `unknown-environment`.
    """
    loaded = load_manifest(context)
    return loaded, select_environment(loaded.manifest, context.environment)
