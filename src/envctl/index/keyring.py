"""Passwords that the system keeps: the keyring library where it is installed, else the ``keyring`` command.

Both run as a process of their own: a backend may wait for a person, and a process can be given up. Off a
terminal it gets neither input nor a terminal to open, and ten seconds, or less where `timeout` says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from envctl.children import hide_secrets
from envctl.index.location import find_origin, strip
from envctl.model.events import Emit, Notice

#: Seconds. With a person there, the time to find and type a master password.
_PATIENCE, _PATIENCE_WITH_A_PERSON = 10.0, 120.0


class Keyring:
    """The keyring of the person who runs this."""

    def __init__(self, environ: Mapping[str, str], emit: Emit, *, timeout: float | None = None) -> None:
        self._environ = hide_secrets(environ)
        self._emit = emit
        self._timeout = timeout

    def __call__(self, url: str, user: str | None) -> tuple[str, str] | None:
        """Return what is kept under the URL of an index, else under its host; None where nothing is.

        Without a ``user`` the keyring has to know one, which not every backend does.
        """
        command = _find_command(self._environ)
        if command is None:
            return None
        _, host, port = find_origin(url)
        for service in (strip(url), f"{host}:{port}", host):
            wanted = ["get", service, user] if user else ["--mode", "creds", "get", service]
            lines = self._run([*command, *wanted])
            if lines is None:
                return None
            if user and lines[:1] != [""]:
                return user, lines[0]
            if not user and len(lines) > 1:
                return lines[0], lines[1]
        return None

    def _run(self, command: list[str]) -> list[str] | None:
        """Return the lines it prints, one empty line where it has nothing, None where it cannot be asked."""
        with_person = _is_terminal(0) and _is_terminal(2)
        patience = _PATIENCE_WITH_A_PERSON if with_person else min(_PATIENCE, self._timeout or _PATIENCE)
        try:
            done = subprocess.run(
                command,
                env=self._environ,
                stdin=None if with_person else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if with_person else subprocess.DEVNULL,
                timeout=patience,
                start_new_session=not with_person,
                check=False,
            )
        except subprocess.TimeoutExpired:
            message = f"the keyring was asked for a password and did not answer within {patience:g} seconds"
            hint = '`keyring = "never"` in config.toml, or ENVCTL_KEYRING=never, leaves it alone'
            self._emit(Notice("warning", "keyring-silent", message, (hint,)))
            return None
        except OSError:
            return None
        text = done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
        return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _find_command(environ: Mapping[str, str]) -> list[str] | None:
    if find_spec("keyring") is not None:
        return [sys.executable, "-P", "-m", "keyring"]
    found = shutil.which("keyring", path=environ.get("PATH", ""))
    # On Windows the working folder is searched, too, and a project must not bring its own keyring.
    if found is None or os.path.dirname(os.path.abspath(found)) == os.getcwd():
        return None
    return [found]


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
