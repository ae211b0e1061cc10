"""What nobody's list names, judged and gathered: folders that hold nothing else are taken as one. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from envctl.environment.classes import Rule, Verdict, find_site, is_site, judge_stray
from envctl.environment.inventory import ENVIRONMENT
from envctl.frozen import dataclass
from envctl.model.state import Drift, ForeignFile
from envctl.plan.address import ENVIRONMENT as ENVIRONMENT_ADDRESS
from envctl.plan.address import format_file, format_package

# Folders that every environment has, so that what lies in them is never told as the folder.
_STANDING = {"bin", "include", "lib", "lib64", "share", "etc", "Scripts", "Include", "Lib"}

_STRAY_DETAILS = {Rule.HOOK: "runs when Python starts", Rule.LEFTOVER: "was left by an interrupted pip"}

# Of these a whole folder is one line.
_GATHERED = {rule for rule in Rule if rule.value.verdict in {Verdict.DATA, Verdict.FOREIGN}}


@dataclass(frozen=True, slots=True)
class Stray:
    """A file, or a folder taken as one; ``owner`` is the distribution that code was `Rule.ADDED` to."""

    path: str
    size: int
    rule: Rule
    owner: str = ""


def gather(strays: Mapping[str, int], owned: Mapping[str, Iterable[str]]) -> tuple[Stray, ...]:
    """Judge files that nobody owns (path to size), and take folders that hold nothing else as one.

    ``owned`` holds the paths of each distribution, and those of the environment itself under ``-``.
    """
    if not strays:
        return ()
    folders = _map_folders(owned)
    sources = _find_sources(strays, owned)
    groups: dict[str, list[Stray]] = {}
    # A folder that cannot be entered is here too: that of a package tells by what is missing in it.
    for path in sorted(strays.keys() - folders.keys()):
        stray = _judge(path, strays[path], folders, has_source=path[:-1] in sources)
        if stray.rule.value.verdict is not Verdict.IGNORED:
            groups.setdefault(_find_group(path, folders), []).append(stray)
    gathered: list[Stray] = []
    for group, members in groups.items():
        rules = {member.rule for member in members}
        if rules == {Rule.LOOSE, Rule.SITE_DATA}:
            rules = {Rule.LOOSE}  # the data of a package of strangers goes where its code goes
        if group != members[0].path and len(rules) == 1 and rules <= _GATHERED:
            gathered.append(Stray(group, sum(member.size for member in members), rules.pop()))
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


def _find_sources(strays: Iterable[str], owned: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Find the modules beside which their bytecode lies, as ``compileall -b`` and Python 2 leave it."""
    wanted = {path[:-1] for path in strays if path.endswith(".pyc")}
    if not wanted:
        return frozenset()
    return frozenset(
        wanted.intersection(strays).union(*(wanted.intersection(each) for each in owned.values()))
    )


def _judge(path: str, size: int, folders: Mapping[str, str], *, has_source: bool) -> Stray:
    site = find_site(path)
    folder = path.rpartition("/")[0]
    while site is not None and folder not in folders and folder != site:
        folder = folder.rpartition("/")[0]
    package = folder if site is not None and folder != site else None
    rule = judge_stray(path, package=package, has_source=has_source)
    return Stray(path, size, rule, folders[folder] if rule is Rule.ADDED else "")


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
    return folder in _STANDING or on_the_way_to_site or is_site(folder)


def tell_strays(strays: Iterable[Stray]) -> list[Drift]:
    """Give a line for each that is drift, or foreign."""
    drift = []
    for stray in strays:
        kind = stray.rule.value.kind
        if kind is None:
            continue
        address = format_file(stray.path)
        if stray.rule is Rule.ADDED:
            address = ENVIRONMENT_ADDRESS if stray.owner == ENVIRONMENT else format_package(stray.owner)
        detail = _STRAY_DETAILS.get(stray.rule, "")
        drift.append(Drift(address=address, kind=kind, path=stray.path, detail=detail))
    return drift


def make_foreign(strays: Iterable[Stray]) -> tuple[ForeignFile, ...]:
    """List what is not simply laid anew without it: what a plan carries along, keeps or removes."""
    return tuple(
        ForeignFile(path=stray.path, size=stray.size, data=stray.rule.value.verdict is Verdict.DATA)
        for stray in strays
        if stray.rule is not Rule.ADDED
    )
