"""Have virtualenv make a bare environment. Importing this module costs 100 ms: `bare` does, once a path.

Nothing is made at the environment's final path: virtualenv writes into a folder given to it, while
its activation scripts are told the final path, so that each shell's own quoting is applied to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from virtualenv.run import session_via_cli

from envctl.errors import MachineError

if TYPE_CHECKING:
    from virtualenv.activation.activator import Activator
    from virtualenv.create.creator import Creator


def create(
    executable: str, *, at: str, path: str, prompt: str | None, app_data: str, environ: Mapping[str, str]
) -> None:
    """Create a bare environment of the interpreter ``executable`` in the folder ``at``, to live at ``path``.

    ``app_data`` is a folder in which virtualenv may keep what it learns of interpreters. The user's
    configuration of virtualenv is not read.

    Raises:
        MachineError: `bare-environment-failed` when virtualenv cannot.
    """
    arguments = [at, "--python", executable, "--creator", "builtin", "--no-seed", "--app-data", app_data]
    arguments += ["--no-periodic-update", "--no-venv-redirect"]
    clean = {name: value for name, value in environ.items() if not name.startswith(("VIRTUALENV_", "PYTHON"))}
    clean["VIRTUALENV_CONFIG_FILE"] = os.devnull
    try:
        with session_via_cli(arguments, setup_logging=False, env=clean) as session:
            session.creator.run()
            described = _Described(session.creator, Path(path))
            for activator in session.activators:
                _activate(activator, described, prompt)
            session.creator.pyenv_cfg.write()
    except (OSError, RuntimeError, ValueError, SystemExit) as error:
        raise MachineError(
            "bare-environment-failed",
            f"no environment of `{executable}` can be made: {error}",
            where=path,
        ) from error


def _activate(activator: Activator, described: _Described, prompt: str | None) -> None:
    # Set here, because the option reads `.` as the name of the working folder.
    activator.flag_prompt = prompt
    activator.generate(cast("Creator", described))


class _Described:
    """An environment that speaks of itself at its final path, and is written somewhere else."""

    def __init__(self, creator: Creator, path: Path) -> None:
        self._creator = creator
        self.dest = path
        self.env_name = path.name
        self.bin_dir = _Folder(creator.bin_dir, creator.bin_dir.relative_to(creator.dest))
        self.pyenv_cfg: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._creator, name)


class _Folder:
    """The scripts folder: written below ``written``, and ``relative`` inside the environment."""

    def __init__(self, written: Path, relative: Path) -> None:
        self._written = written
        self._relative = relative

    def __truediv__(self, name: str) -> Path:
        return self._written / name

    def __fspath__(self) -> str:
        return str(self._written)

    def __str__(self) -> str:
        return str(self._written)

    def relative_to(self, _other: Path) -> Path:
        return self._relative
