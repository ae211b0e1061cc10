"""Where things lie inside an environment, for an interpreter: the ``venv`` scheme of `sysconfig`.

Paths are relative to the environment and POSIX, on every platform.
"""

from __future__ import annotations

from envctl.frozen import dataclass
from envctl.model.interpreter import Interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The folders that a wheel's files go to, and the interpreter's name.

    ``site_packages`` is for both purelib and platlib. ``data`` is the environment itself, the empty text.
    ``headers`` is the folder below which each distribution gets its own. ``suffix`` ends executables.
    """

    site_packages: str
    scripts: str
    headers: str
    python: str
    suffix: str = ""
    data: str = ""


def choose_layout(interpreter: Interpreter) -> Layout:
    """Choose the layout of environments of ``interpreter``."""
    minor = interpreter.minor
    suffix = "t" if interpreter.free_threaded else ""
    if interpreter.markers["os_name"] == "nt":
        return Layout(
            site_packages="Lib/site-packages",
            scripts="Scripts",
            headers="Include",
            python="Scripts/python.exe",
            suffix=".exe",
        )
    name = "pypy" if interpreter.implementation == "pypy" else "python"
    return Layout(
        site_packages=f"lib/{name}{minor}{suffix}/site-packages",
        scripts="bin",
        headers=f"include/site/{name}{minor}{suffix}",
        python="bin/python",
    )
