"""The names under which artifacts lie in the store: equal exactly when their content must be."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from envctl.build.digest import digest_code
from envctl.build.environ import choose_shaping
from envctl.errors import InputError
from envctl.model.artifact import Archive, Artifact, Directory, Wheel, format_origin, identify
from envctl.model.interpreter import Interpreter
from envctl.model.selection import Pin
from envctl.model.tables import BuildInputs
from envctl.store.entry import Entry

#: Unpacked wheels, by the digest of the archive.
WHEELS = "wheels-v1"

#: Wheels that were built here, by all that went in.
BUILT = "built-v1"

#: What a backend said of a source's metadata, by all that went in.
BUILT_METADATA = "built-metadata-v1"

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


def built_key(pin: Pin, inputs: BuildInputs, interpreter: Interpreter, environ: Mapping[str, str]) -> str:
    """Name the store's entry of a wheel that is built: from what, how, by which interpreter.

    The code of a directory that is not editable goes in, too: when it was edited, laying the next
    generation builds it anew.
    """
    subject = identify(pin.artifact)
    if isinstance(pin.artifact, Directory) and not pin.artifact.editable:
        subject += f" {digest_code(os.path.join(pin.artifact.path, pin.artifact.subdirectory or ''))}"
    return build_digest(pin.name, subject, inputs, interpreter, environ)


def build_digest(
    name: str, subject: str, inputs: BuildInputs, interpreter: Interpreter, environ: Mapping[str, str]
) -> str:
    """Digest all that goes into a build, as hexadecimal sha256; ``subject`` says what is built into what.

    What the build requirements were resolved to is not known before they are: it is what their texts (in the
    source), the constraints and the indexes lead to, and the entry remembers it
    ([decision 14](../../../docs/decisions/0014-builds-are-kept-by-what-is-stated.md)).
    """
    went_in = {
        "name": name,
        "subject": subject,
        "settings": dict(inputs.config_settings.get(name, {})),
        "constraints": list(inputs.constraints),
        "indexes": list(inputs.indexes),
        "interpreter": [interpreter.executable, interpreter.version, interpreter.identity],
        "platform": interpreter.platform,
        "environ": choose_shaping(environ),
    }
    return hashlib.sha256(json.dumps(went_in, sort_keys=True).encode()).hexdigest()


def entry_place(
    pin: Pin, inputs: BuildInputs, interpreter: Interpreter, environ: Mapping[str, str]
) -> tuple[str, str]:
    """Say in which bucket and under which key a pin's wheel lies."""
    wheel = as_wheel(pin.artifact)
    if wheel is not None:
        return WHEELS, wheel_key(wheel)
    return BUILT, built_key(pin, inputs, interpreter, environ)


def as_wheel(artifact: Artifact) -> Wheel | Archive | None:
    """Return what is a wheel already, of an index or of a direct source; None for what has to be built."""
    is_wheel = isinstance(artifact, Wheel) or (isinstance(artifact, Archive) and artifact.is_wheel)
    return artifact if is_wheel and isinstance(artifact, Wheel | Archive) else None


def bytecode_key(entry: Entry, interpreter: Interpreter) -> str:
    """Name the bytecode of an entry: its sources as they were unpacked, and the compiler."""
    text = f"{entry.key} {entry.generation} {interpreter.cache_tag} {interpreter.magic}"
    return hashlib.sha256(text.encode()).hexdigest()
