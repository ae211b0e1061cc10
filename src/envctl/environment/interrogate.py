"""Ask an interpreter what it is, by running it. Costs 50 to 100 ms; `probe` remembers the answer."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import packaging
from packaging.tags import compatible_tags, cpython_tags, platform_tags

from envctl.children import hide_passwords
from envctl.errors import MachineError

#: Seconds after which an interpreter that does not answer counts as broken.
TIMEOUT = 30.0

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "in_process", "describe.py")
_PACKAGING = os.path.dirname(os.path.dirname(os.path.abspath(packaging.__file__)))

# A probed interpreter sees no variable that could change what it says of itself.
_HIDDEN = ("PYTHON", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV")


def interrogate(executable: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Run the script of ``in_process`` and return its document, tags and base executable filled in.

    Raises:
        MachineError: `interpreter-unsupported` for a Python older than 3.8; `interpreter-broken` when it
            cannot be run, fails, does not answer in 30 seconds, or says something else.
    """
    document = _run(executable, environ)
    if "unsupported" in document:
        raise MachineError(
            "interpreter-unsupported",
            f"`{executable}` is Python {document['unsupported']}, and envctl makes environments from 3.8 on",
            where=executable,
        )
    try:
        if document["tags"] is None:
            document["tags"] = _make_tags(document)
        document["base"] = _find_base(document)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise broken(executable, f"its description lacks something: {error}") from error
    return document


def broken(executable: str, reason: str) -> MachineError:
    """Say that an interpreter cannot be used, and why."""
    return MachineError(
        "interpreter-broken",
        f"`{executable}` cannot be used as a Python interpreter: {reason}",
        where=executable,
        hints=(f"run `{executable} -I -c pass` to see what it says",),
    )


def _run(executable: str, environ: Mapping[str, str]) -> dict[str, Any]:
    clean = {name: value for name, value in hide_passwords(environ).items() if not name.startswith(_HIDDEN)}
    try:
        done = subprocess.run(
            [executable, "-I", "-S", "-B", _SCRIPT, _PACKAGING],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            env=clean,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise broken(executable, f"it did not answer in {TIMEOUT:.0f} seconds") from error
    except (OSError, ValueError) as error:
        raise broken(executable, getattr(error, "strerror", None) or str(error)) from error
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise broken(executable, words[-1] if words else f"it exited with {done.returncode}")
    try:
        document = json.loads(done.stdout)
    except ValueError as error:
        raise broken(executable, "it printed something else than its description") from error
    if not isinstance(document, dict):
        raise broken(executable, "it printed something else than its description")
    return document


def _make_tags(document: Mapping[str, Any]) -> Sequence[str]:
    # Reached for 3.8, which our own `packaging` no longer runs on. It runs on this machine, and so takes
    # the platforms that this very process does.
    if document["implementation"] != "cpython":
        raise ValueError("wheel tags")
    major, minor = (int(part) for part in document["markers"]["python_version"].split("."))
    name = f"cp{major}{minor}"
    platforms = list(platform_tags())
    abis = [f"{name}d", name] if document["debug"] else [name]
    tags = [*cpython_tags((major, minor), abis, platforms), *compatible_tags((major, minor), name, platforms)]
    return [str(tag) for tag in tags]


def _find_base(document: Mapping[str, Any]) -> str:
    """Find the executable to stand for the interpreter: never one of a virtual environment."""
    executable: str = document["executable"]
    if not executable:
        raise ValueError("sys.executable")
    minor = document["markers"]["python_version"]
    names = [f"python{minor}{'t' if document['free_threaded'] else ''}", os.path.basename(executable)]
    # `sys.prefix` does not tell, since `-S` leaves out what sets it, nor does an older Python's base.
    home = _read_home(executable)
    folder = home or os.path.dirname(executable)
    if home and document["base_executable"] not in {None, executable}:
        folder = os.path.dirname(document["base_executable"])
        names.append(os.path.basename(document["base_executable"]))
    # A name with the version in it goes on meaning this Python when `python3` moves on; links are kept,
    # because what they lead to may carry a patch version that an upgrade removes.
    real = os.path.realpath(executable)
    for name in names:
        candidate = os.path.join(folder, name)
        if os.path.realpath(candidate) == real and os.access(candidate, os.X_OK):
            return candidate
    if home and document["base_executable"] not in {None, executable}:
        base: str = document["base_executable"]
        return base
    return real if home else executable


def _read_home(executable: str) -> str | None:
    folder = os.path.dirname(executable)
    for place in (folder, os.path.dirname(folder)):
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    key, _, value = line.partition("=")
                    if key.strip().lower() == "home":
                        return value.strip()
        except OSError:
            continue
    return None
