"""Scripts of Windows: an executable with the script behind it.

The executables are those that distlib ships and virtualenv depends on; they run the interpreter named in
the shebang behind them with the archive behind that. Imported for Windows targets only.
"""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile

from envctl.errors import MachineError
from envctl.wheel.scripts import script_body

_SUFFIXES = {"amd64": "64", "x86_64": "64", "arm64": "64-arm", "x86": "32"}


def launcher_script(reference: str, *, python: str, machine: str, gui: bool = False) -> bytes:
    """Write the ``.exe`` of an entry point; ``python`` ends in ``python.exe`` or ``pythonw.exe``.

    ``machine`` is ``platform_machine`` of the target (``AMD64``, ``ARM64``, ``x86``).

    Raises:
        MachineError: `no-launcher` when there is none for this machine.
    """
    return wrap_script(script_body(reference), python=python, machine=machine, gui=gui)


def wrap_script(body: bytes, *, python: str, machine: str, gui: bool = False) -> bytes:
    """Put a launcher in front of a script without a shebang, as `launcher_script`."""
    quoted = f'"{python}"' if " " in python else python
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        # A fixed date: the same script is the same bytes.
        writer.writestr(zipfile.ZipInfo("__main__.py", date_time=(1980, 1, 1, 0, 0, 0)), body)
    return _read_launcher(machine, gui=gui) + f"#!{quoted}\r\n".encode() + archive.getvalue()


def _read_launcher(machine: str, *, gui: bool) -> bytes:
    name = f"{'w' if gui else 't'}{_SUFFIXES.get(machine.lower(), '?')}.exe"
    found = importlib.util.find_spec("distlib")
    for folder in (found.submodule_search_locations or ()) if found else ():
        try:
            with open(os.path.join(folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise MachineError(
        "no-launcher",
        f"there is no launcher for scripts on `{machine}`",
        hints=["install distlib beside envctl: it brings the launchers"],
    )
