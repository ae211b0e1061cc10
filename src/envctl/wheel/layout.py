"""Where each member of a wheel goes: the site, or one of the schemes of its ``.data`` folder.

The tree that is unpacked has one folder a scheme: ``site`` (purelib and platlib are one in a virtual
environment), ``scripts``, ``data``, ``headers``.

Source: the binary distribution format, "The .data directory"; PEP 376 and 610 for what installers write.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envctl.archive.name import fold
from envctl.archive.zip import Member
from envctl.frozen import dataclass
from envctl.wheel.entry_points import is_of_the_environment

_SCHEMES = {
    "purelib": "site",
    "platlib": "site",
    "scripts": "scripts",
    "data": "data",
    "headers": "headers",
}
#: Written by who installs; what a wheel says about it is a forgery. RECORD is made anew.
_WRITTEN_BY_INSTALLERS = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "RECORD"})
#: What an environment holds at its top besides folders of scripts, libraries and data.
_TOP_OF_THE_ENVIRONMENT = frozenset(
    {"pyvenv.cfg", "cachedir.tag", ".gitignore", "lib64", "lib", "bin", "scripts"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """``files`` pairs members with their paths in the unpacked tree; ``info`` is the ``.dist-info`` folder.

    ``hooks`` are the files that run when the interpreter starts, ``faults`` what is refused.
    """

    info: str
    files: tuple[tuple[Member, str], ...]
    hooks: tuple[str, ...]
    faults: tuple[str, ...]


def arrange(members: Iterable[Member], *, info: str, project: str) -> Layout:
    """Decide where each member goes."""
    data = f"{info.removesuffix('.dist-info')}.data"
    files: list[tuple[Member, str]] = []
    faults: list[str] = []
    taken: dict[str, str] = {}
    for member in members:
        path, fault = _aim(member.name, data, info, project)
        if path:
            key = fold(path)
            if key in taken:
                fault = f"`{member.name}` and `{taken[key]}` go to one place"
            taken[key] = member.name
            files.append((member, path))
        if fault:
            faults.append(fault)
    faults += [
        f"`{taken[key]}` is a file where others need a folder" for key in _find_parents(taken) if key in taken
    ]
    return Layout(
        info=info,
        files=tuple(files),
        hooks=tuple(sorted(path for _, path in files if is_startup_hook(path))),
        faults=tuple(faults),
    )


def _find_parents(paths: Iterable[str]) -> set[str]:
    parents: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in parents:
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    return parents


def _aim(name: str, data: str, info: str, project: str) -> tuple[str | None, str | None]:
    """Find the place of one member (None: it is left out), and what is wrong with it."""
    top, _, rest = name.partition("/")
    if top != data:
        if rest and _is_data_folder(top):
            return None, f"`{top}` is not its `.data` folder, which is `{data}`"
        if top == info and rest in _WRITTEN_BY_INSTALLERS:
            return None, None
        return (None, None) if _is_cached_bytecode(name) else (f"site/{name}", None)
    scheme, _, path = rest.partition("/")
    if scheme not in _SCHEMES or not path:
        return None, f"`{name}` belongs to no known scheme"
    folder = _SCHEMES[scheme]
    fault = _find_fault_of_target(folder, path, info, project)
    if folder == "site" and _is_cached_bytecode(path):
        return None, fault
    return f"{folder}/{path}", fault and f"`{name}` {fault}"


def _is_data_folder(top: str) -> bool:
    """Whether a folder is called as the ``.data`` of some distribution is."""
    name, _, version = top.removesuffix(".data").rpartition("-")
    if not top.endswith(".data") or not name:
        return False
    try:
        Version(version)
    except InvalidVersion:
        return False
    return bool(canonicalize_name(name))


def _is_cached_bytecode(path: str) -> bool:
    """Bytecode of somebody else's compiler is left out: ours is made from the source that people can read."""
    return "__pycache__/" in path and path.endswith((".pyc", ".pyo"))


def _find_fault_of_target(folder: str, path: str, info: str, project: str) -> str | None:
    first, _, rest = path.partition("/")
    folded = first.casefold()
    describes = folder == "site" and folded.endswith(".dist-info")
    if describes and (first != info or rest in _WRITTEN_BY_INSTALLERS):
        return "would describe a distribution"
    if folder == "scripts" and is_of_the_environment(folded):
        return "has the name of a file that belongs to the environment"
    if folder == "scripts" and folded in {"pip", "pip3", "pip.exe", "pip3.exe"} and project != "pip":
        return "has the name of a script of pip"
    if folder == "data":
        if (folded in _TOP_OF_THE_ENVIRONMENT and not rest) or folded.startswith(".envctl"):
            return "has the name of a file that belongs to the environment"
        if folded in {"bin", "scripts"} and is_of_the_environment(rest.partition("/")[0]):
            return "has the name of a file that belongs to the environment"
        if folded in {"lib", "lib64"} and ".dist-info/" in rest.casefold():
            return "would describe a distribution"
    return None


def is_startup_hook(path: str) -> bool:
    """Whether a file of the unpacked tree runs whenever an interpreter of the environment starts."""
    scheme, _, rest = path.partition("/")
    if scheme == "data":
        before, found, rest = rest.rpartition("site-packages/")
        if not found or not before.startswith(("lib", "Lib")):
            return False
    elif scheme != "site":
        return False
    first, _, below = rest.partition("/")
    if below:
        return first in {"sitecustomize", "usercustomize"} and below.startswith("__init__.")
    return first.endswith(".pth") or first.partition(".")[0] in {"sitecustomize", "usercustomize"}
