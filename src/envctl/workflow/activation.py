"""How a command is started so that it runs in an environment. Loads next to nothing: `run` is paid often."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from envctl.workflow.results import Launch

if sys.platform == "win32":  # there a program has many endings, and `shutil` knows them
    from shutil import which


def make_launch(
    path: str, command: tuple[str, ...], environ: Mapping[str, str], *, remark: str | None = None
) -> Launch:
    """Say how to start ``command`` in the environment at ``path``."""
    active = activate(path, environ)
    is_name = os.path.basename(command[0]) == command[0]
    program = _find(command[0], active["PATH"]) if is_name else None
    return Launch(argv=(program or command[0], *command[1:]), environ=active, remark=remark)


def activate(path: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Give the variables as the activation script of the environment at ``path`` would leave them."""
    scripts = os.path.join(path, "Scripts" if os.name == "nt" else "bin")
    changed = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    changed["PATH"] = os.pathsep.join(part for part in (scripts, environ.get("PATH", os.defpath)) if part)
    changed["VIRTUAL_ENV"] = path
    return changed


def _find(name: str, path: str) -> str | None:
    """Find a program on a search path, as `shutil.which` does, which loads archives and their codecs."""
    if sys.platform == "win32":
        return which(name, path=path)
    for folder in path.split(os.pathsep):
        place = os.path.join(folder, name)
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    return None


def find_script_python(tree: str, program: str) -> tuple[str, ...]:
    """Give the interpreter of ``tree`` where ``program`` is a script that is to be run with it.

    The scripts of a generation name the path at which it was live. Empty for all that is no script of its
    Python: that is started as it is.
    """
    folder, python = os.path.dirname(program), os.path.join(tree, "bin", "python")
    if sys.platform == "win32" or folder != os.path.dirname(python):
        return ()
    try:
        with open(program, "rb") as file:
            head = file.read(4096)
    except OSError:
        return ()
    first, second = [*head.split(b"\n", 2), b""][:2]
    # A path that a shebang cannot hold is run by a shell, in whose eyes the program begins with this word.
    is_script = first.startswith(b"#!") and (b"python" in first or b"pypy" in first)
    return (python,) if is_script or second.startswith(b"'''exec' ") else ()
