"""``envctl run``: a command in the environment, which stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from envctl.environment.configuration import read_configuration
from envctl.errors import EnvctlError
from envctl.workflow.context import Context
from envctl.workflow.list import no_environment
from envctl.workflow.prepare import declared
from envctl.workflow.results import Launch
from envctl.workflow.status import status


def prepare_run(context: Context, command: tuple[str, ...]) -> Launch:
    """Say how to start ``command`` so that it runs in the environment.

    Raises:
        InputError: anything wrong with the manifest; MachineError: `no-environment`.
    """
    _, declaration = declared(context)
    path = declaration.path
    if read_configuration(path) is None:
        raise no_environment(path)
    environ = activate(path, context.settings.environ)
    program = shutil.which(command[0], path=environ["PATH"]) if os.sep not in command[0] else command[0]
    return Launch(argv=(program or command[0], *command[1:]), environ=environ, remark=_remark(context))


def activate(path: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Give the variables as the activation script of the environment at ``path`` would leave them."""
    scripts = os.path.join(path, "Scripts" if os.name == "nt" else "bin")
    changed = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    changed["PATH"] = os.pathsep.join(part for part in (scripts, environ.get("PATH", os.defpath)) if part)
    changed["VIRTUAL_ENV"] = path
    return changed


def _remark(context: Context) -> str | None:
    """Say in one line that the environment is not what the lock wants; a doubt never keeps a command back."""
    try:
        found = status(context)
    except EnvctlError as error:
        return f"whether the environment is up to date cannot be told: {error.message}"
    if found.fits:
        return None
    if found.pending is not None:
        return found.pending
    if found.lock != "fits":
        return "the lock does not fit the manifest; `envctl plan` shows what would change"
    return "the environment is not what the lock wants; `envctl plan` shows what would change"
