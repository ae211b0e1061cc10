"""``envctl init``: a manifest in the working folder, replacing nothing."""

from __future__ import annotations

import os

from envctl import atomic
from envctl.errors import InputError, MachineError
from envctl.manifest.initial import initial_manifest
from envctl.unchanged import MANIFEST
from envctl.workflow.context import Context

#: What each ignore file shall say: environments and all that lies beside them.
IGNORED = {".gitignore": "/.venv*/", ".dockerignore": ".venv*"}


def init(context: Context) -> tuple[str, ...]:
    """Write ``env.toml`` into the working folder and name the environments in its ignore files.

    ``.gitignore`` is written where git is used or the file is there, ``.dockerignore`` only where it is
    there. Returns the paths that were written.

    Raises:
        InputError: `manifest-exists`.
        MachineError: `not-writable`.
    """
    folder = context.directory
    path = os.path.join(folder, MANIFEST)
    if os.path.lexists(path):
        raise InputError(
            "manifest-exists",
            f"there is an `{MANIFEST}` already",
            where=path,
            hints=["`envctl plan` reads it"],
        )
    text = initial_manifest(
        python=">=3.11",
        has_pyproject=os.path.isfile(os.path.join(folder, "pyproject.toml")),
        name=os.path.basename(folder),
    )
    try:
        atomic.replace(path, text.encode())
        return (path, *_write_ignores(folder))
    except OSError as error:
        raise MachineError(
            "not-writable", f"`{folder}` cannot be written: {error.strerror}", where=folder
        ) from error


def _write_ignores(folder: str) -> tuple[str, ...]:
    written = []
    for name, line in IGNORED.items():
        path = os.path.join(folder, name)
        uses_git = name == ".gitignore" and os.path.exists(os.path.join(folder, ".git"))
        if not os.path.isfile(path) and not uses_git:
            continue
        text = _read_text(path)
        if line in text.splitlines():
            continue
        separator = "" if not text or text.endswith("\n") else "\n"
        atomic.replace(path, f"{text}{separator}{line}\n".encode())
        written.append(path)
    return tuple(written)


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
