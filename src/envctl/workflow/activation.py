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
