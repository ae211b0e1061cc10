"""A project on the public index, for the few tests that need it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from support.project import PYTHON, Result, find_command


class RealProject:
    """A project on the default index, in a folder of its own, with a cache of its own."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "shop"
        self.folder.mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIP_", "UV_", "ENVCTL_"))
        }
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        kept.pop("VIRTUAL_ENV", None)
        self.environ = kept | {"ENVCTL_CACHE_DIR": os.fspath(place / "cache"), "PIP_CONFIG_FILE": os.devnull}

    def declare(self, *dependencies: str) -> None:
        text = f'python = "{PYTHON}"\ndependencies = {json.dumps(dependencies)}\n'
        (self.folder / "env.toml").write_text(text)

    def call(self, *command: str) -> Result:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str) -> Result:
        return self.call(*find_command(), *arguments)

    def must(self, *command: str) -> str:
        done = self.call(*command)
        assert done.code == 0, f"{command} exited {done.code}\n{done.out}{done.err}"
        return done.out

    def apply(self) -> str:
        return self.must(*find_command(), "apply")

    @property
    def python(self) -> str:
        return os.fspath(self.folder / ".venv" / "bin" / "python")

    @property
    def site(self) -> Path:
        return self.folder / ".venv" / "lib" / f"python{PYTHON}" / "site-packages"
