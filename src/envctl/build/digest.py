"""Digests of a source tree: of what decides its metadata, and of its code. Nothing here runs or parses it."""

from __future__ import annotations

import hashlib
import os

from envctl.errors import InputError

#: The files from which backends make metadata; the code of the tree is not among them.
METADATA_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "PKG-INFO")


def digest_metadata(path: str) -> str:
    """Digest the files of a source tree that decide its metadata (``sha256:…``).

    Raises:
        InputError: `no-source` when the folder is not there, or holds nothing that can be built.
    """
    digest = hashlib.sha256()
    found = False
    for name in METADATA_FILES:
        try:
            with open(os.path.join(path, name), "rb") as file:
                content = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        found = found or name in {"pyproject.toml", "setup.py"}
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    if not found:
        raise InputError(
            "no-source",
            f"`{path}` holds neither a pyproject.toml nor a setup.py",
            where=path,
            hints=["point the source at the folder of a Python project"],
        )
    return f"sha256:{digest.hexdigest()}"


def digest_code(path: str) -> str:
    """Digest what ``stat`` says of the files of a source tree, as hexadecimal sha256.

    What builds and tools leave there does not count: hidden folders, bytecode, ``build``, ``dist``,
    ``*.egg-info``. No file is read.
    """
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not _is_left_over(name))
        for name in sorted(files):
            if not name.endswith((".pyc", ".pyo")):
                status = os.lstat(os.path.join(folder, name))
                line = (os.path.relpath(folder, path), name, status.st_size, status.st_mtime_ns)
                digest.update(ascii(line).encode())
    return digest.hexdigest()


def _is_left_over(name: str) -> bool:
    return name.startswith(".") or name.endswith(".egg-info") or name in {"__pycache__", "build", "dist"}
