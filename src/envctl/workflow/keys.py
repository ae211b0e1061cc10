"""The names under which artifacts lie in the store: equal exactly when their content must be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from envctl.errors import InputError
from envctl.model.artifact import Archive, Artifact, Wheel, format_origin
from envctl.model.interpreter import Interpreter
from envctl.store.entry import Entry

#: Unpacked wheels, by the digest of the archive.
WHEELS = "wheels-v1"

#: Wheels that were built here, by all that went in (`envctl.workflow.built`).
BUILT = "built-v2"

#: What a backend said of a source's metadata, likewise.
BUILT_METADATA = "built-metadata-v2"

#: The tools that builds have led to, by what these state.
BUILT_WITH = "built-with-v1"

#: What a source distribution states of its metadata, by its digest.
STATED_METADATA = "sdist-metadata-v1"

#: What backends printed. No entries: files for people.
BUILD_LOGS = "build-logs-v1"

#: Wheels and source archives of direct sources as they came, by their digest.
ARCHIVES = "archives-v1"

#: Bare repositories that hold one commit, by URL and commit, with or without its history.
REPOSITORIES = "repositories-v1"

#: The ``pyproject.toml`` of a commit, by URL, commit and folder.
CHECKED_OUT = "checked-out-v1"

#: Bytecode of an entry for one interpreter.
BYTECODE = "bytecode-v1"


def wheel_key(wheel: Wheel | Archive) -> str:
    """Name the store's entry of a wheel: the strongest digest it is known by.

    Raises:
        InputError: `no-hash` when none is known that can be trusted.
    """
    digest = strongest_digest(wheel.hashes)
    if digest:
        return digest
    raise InputError(
        "no-hash",
        f"`{format_origin(wheel)}` has no sha256, sha384 or sha512 in the lock",
        hints=["`envctl lock` writes one"],
    )


def strongest_digest(hashes: Mapping[str, str]) -> str:
    """Return the digest that an artifact is kept under; empty where none is known that can be trusted."""
    for algorithm in ("sha256", "sha384", "sha512"):
        digest = hashes.get(algorithm)
        if digest is not None:
            return digest.lower()
    return ""


def as_wheel(artifact: Artifact) -> Wheel | Archive | None:
    """Return what is a wheel already, of an index or of a direct source; None for what has to be built."""
    is_wheel = isinstance(artifact, Wheel) or (isinstance(artifact, Archive) and artifact.is_wheel)
    return artifact if is_wheel and isinstance(artifact, Wheel | Archive) else None


def bytecode_key(entry: Entry, interpreter: Interpreter) -> str:
    """Name the bytecode of an entry: its sources as they were unpacked, and the compiler."""
    text = f"{entry.key} {entry.generation} {interpreter.cache_tag} {interpreter.magic}"
    return hashlib.sha256(text.encode()).hexdigest()
