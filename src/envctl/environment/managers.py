"""Who installs Pythons on a machine, and where: known folders, and whose an interpreter is by where it lies.

Nothing is run. A new manager needs a line here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from envctl.frozen import dataclass

#: The folder for our own, below the user's folder for data.
OWN = "envctl"

#: Taken only where nothing else fits: who updates or deletes such an environment does not think of ours.
CONDA = "conda"

_CONDA_HOMES = ("miniconda3", "miniforge3", "mambaforge", "micromamba", "anaconda3", ".conda")


@dataclass(frozen=True, slots=True)
class Root:
    """A folder with one folder for each Python; ``manager`` is who installs them there, empty for anybody.

    Only those count whose name begins with ``start``.
    """

    manager: str
    path: str
    start: str = ""


def pythons_folder(environ: Mapping[str, str]) -> str:
    """Say where ``envctl python install`` puts Pythons: in the user's data, for the cache can be deleted."""
    named = environ.get("ENVCTL_PYTHONS_DIR")
    if named:
        return os.path.abspath(os.path.expanduser(named))
    return os.path.join(_data_folder(environ), "envctl", "pythons")


def list_roots(environ: Mapping[str, str]) -> Iterator[Root]:
    """List the folders in which managers keep what they install, in the order in which they are looked at."""
    home = _home(environ)
    data = environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    yield Root(OWN, pythons_folder(environ))
    yield Root("pyenv", os.path.join(environ.get("PYENV_ROOT") or os.path.join(home, ".pyenv"), "versions"))
    yield Root("uv", environ.get("UV_PYTHON_INSTALL_DIR") or os.path.join(data, "uv", "python"))
    yield Root("mise", os.path.join(environ.get("MISE_DATA_DIR") or os.path.join(data, "mise"), *_INSTALLS))
    yield Root("asdf", os.path.join(environ.get("ASDF_DATA_DIR") or os.path.join(home, ".asdf"), *_INSTALLS))
    for prefix in _list_brews(environ):
        yield Root("homebrew", os.path.join(prefix, "opt"), start="python")
    yield Root("python.org", "/Library/Frameworks/Python.framework/Versions")
    yield Root("", "/opt")
    yield Root("", "/opt/python")
    for base in list_conda_bases(environ):
        yield Root(CONDA, os.path.join(base, "envs"))


def list_conda_bases(environ: Mapping[str, str]) -> Iterator[str]:
    """List where conda and its kin are usually installed: folders that hold a Python themselves."""
    home = _home(environ)
    yield from (os.path.join(home, name) for name in _CONDA_HOMES)
    yield from ("/opt/conda", "/opt/miniconda3", "/opt/miniforge3")


_INSTALLS = ("installs", "python")


def name_manager(executable: str, environ: Mapping[str, str]) -> str | None:
    """Name who installed an interpreter, by where it lies: links are followed. None where nothing tells.

    It is ``envctl``, ``pyenv``, ``uv``, ``mise``, ``asdf``, ``homebrew``, ``python.org``, ``conda`` or
    ``system``.
    """
    real = os.path.realpath(executable)
    folder = os.path.dirname(real)
    prefix = os.path.dirname(folder) if os.path.basename(folder) == "bin" else folder
    if os.path.isdir(os.path.join(prefix, "conda-meta")):
        return CONDA
    for brew in _list_brews(environ):
        if _is_below(real, os.path.join(brew, "Cellar")):
            return "homebrew"
    for root in list_roots(environ):
        if root.manager not in {"", CONDA} and _is_below(real, os.path.realpath(root.path)):
            return root.manager
    if sys.platform != "win32" and folder in {"/usr/bin", "/bin", "/usr/local/bin"}:
        return "system"
    return None


def _list_brews(environ: Mapping[str, str]) -> tuple[str, ...]:
    named = environ.get("HOMEBREW_PREFIX")
    known = ("/opt/homebrew", os.path.join("/home", "linuxbrew", ".linuxbrew"), "/usr/local")
    return tuple(dict.fromkeys((named, *known))) if named else known


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))


def _home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")


def _data_folder(environ: Mapping[str, str]) -> str:
    if sys.platform == "win32":
        return environ.get("LOCALAPPDATA") or os.path.join(_home(environ), "AppData", "Local")
    named = environ.get("XDG_DATA_HOME")
    if named:
        return named
    folders = ("Library", "Application Support") if sys.platform == "darwin" else (".local", "share")
    return os.path.join(_home(environ), *folders)
