"""What nobody's list names: litter, data of tools, foreign code and scripts, start-up hooks. Pure.

The rule, by where a file lies:

========================================  =================================================
litter of tools, bytecode                 ignored
top of site-packages: ``*.pth``, …        runs when Python starts: `HOOK`
inside a package: importable code         `ADDED` to the package
inside a package: anything else           `DATA`, carried along (downloads, models, caches)
elsewhere in site-packages, ``~*``        `FOREIGN`
scripts folder                            `FOREIGN`
``share``, ``etc``, … any other place     `DATA`
========================================  =================================================
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from enum import Enum

from envctl.frozen import dataclass

_LITTER = re.compile(
    r"\.lock|\.gitignore|CACHEDIR\.TAG|\.DS_Store|Thumbs\.db|desktop\.ini|\.nfs.*|\.fuse_hidden.*"
    r"|.*\.swp|.*~|.*\.nb[ic]|.*\.pyo"
)
_CODE = (".py", ".so", ".pyd", ".pth", ".pyc")
_SITES = re.compile(r"(lib(?:64)?/[^/]+/site-packages|Lib/site-packages)/")
_SCRIPTS = ("bin/", "Scripts/")
_CUSTOMIZE = {"sitecustomize", "usercustomize"}

# Folders that every environment has, so that what lies in them is never told as the folder.
_STANDING = {"bin", "include", "lib", "lib64", "share", "etc", "Scripts", "Include", "Lib"}


class Class(Enum):
    """What a file is to envctl."""

    IGNORED = "ignored"
    HOOK = "hook"
    ADDED = "added"
    DATA = "data"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Stray:
    """A file, or a folder taken as one; ``owner`` is the distribution that code was `ADDED` to."""

    path: str
    size: int
    kind: Class
    owner: str = ""


def find_site(path: str) -> str | None:
    """Tell which site-packages a path lies in; None for none."""
    match = _SITES.match(path)
    return match[1] if match else None


def gather(strays: Mapping[str, int], owned: Mapping[str, Iterable[str]]) -> tuple[Stray, ...]:
    """Judge files that nobody owns (path to size), and take folders that hold nothing else as one.

    ``owned`` holds the paths of each distribution, and those of the environment itself under ``-``.
    """
    if not strays:
        return ()
    folders = _map_folders(owned)
    groups: dict[str, list[Stray]] = {}
    for path in sorted(strays):
        stray = _judge(path, strays[path], folders)
        if stray.kind is not Class.IGNORED:
            groups.setdefault(_find_group(path, folders), []).append(stray)
    gathered: list[Stray] = []
    for group, members in groups.items():
        kinds = {member.kind for member in members}
        if group != members[0].path and kinds in ({Class.DATA}, {Class.FOREIGN}):
            gathered.append(Stray(group, sum(member.size for member in members), kinds.pop()))
        else:
            gathered += members
    return tuple(sorted(gathered, key=lambda stray: stray.path))


def _map_folders(owned: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Map each folder that holds owned files, however deep, to one owner: the first by name."""
    folders: dict[str, str] = {}
    for owner in sorted(owned):
        for path in owned[owner]:
            folder = path.rpartition("/")[0]
            while folder and folder not in folders:
                folders[folder] = owner
                folder = folder.rpartition("/")[0]
    return folders


def _judge(path: str, size: int, folders: Mapping[str, str]) -> Stray:
    name = posixpath.basename(path)
    if _LITTER.fullmatch(name) or ".ipynb_checkpoints" in path.split("/"):
        return Stray(path, size, Class.IGNORED)
    site = find_site(path)
    if site is not None:
        return _judge_in_site(path, size, site, folders)
    return Stray(path, size, Class.FOREIGN if path.startswith(_SCRIPTS) else Class.DATA)


def _judge_in_site(path: str, size: int, site: str, folders: Mapping[str, str]) -> Stray:
    top, _, below = path[len(site) + 1 :].partition("/")
    stem = top.partition(".")[0]
    if top.startswith("~"):
        return Stray(path, size, Class.FOREIGN)
    if stem in _CUSTOMIZE or (not below and top.endswith((".pth", ".egg-link"))):
        return Stray(path, size, Class.HOOK)
    folder = path.rpartition("/")[0]
    while folder not in folders and folder != site:
        folder = folder.rpartition("/")[0]
    if folder == site:
        return Stray(path, size, Class.FOREIGN)
    # In a `.dist-info` there is nothing to carry along: what lies there says something about a distribution.
    if top.endswith(".dist-info") or _is_importable(path[len(folder) + 1 :]):
        return Stray(path, size, Class.ADDED, folders[folder])
    return Stray(path, size, Class.DATA)


def _is_importable(path: str) -> bool:
    """Tell whether Python could import ``path`` from the package folder it is relative to."""
    *packages, name = path.split("/")
    stem = name.partition(".")[0]
    return name.endswith(_CODE) and stem.isidentifier() and all(part.isidentifier() for part in packages)


def _find_group(path: str, folders: Mapping[str, str]) -> str:
    """Find the topmost folder around ``path`` that holds nothing owned; the path itself if there is none."""
    parts = path.split("/")
    for end in range(1, len(parts)):
        folder = "/".join(parts[:end])
        if folder not in folders and not _is_standing(folder):
            return folder
    return path


def _is_standing(folder: str) -> bool:
    on_the_way_to_site = posixpath.dirname(folder) in {"lib", "lib64"}
    return folder in _STANDING or on_the_way_to_site or _SITES.fullmatch(f"{folder}/") is not None
