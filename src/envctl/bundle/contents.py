"""What the list of a bundle says beside its files: commits of repositories, and what builds take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.bundle.archive import Bundle
from envctl.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A commit of a repository; ``path`` is that of its pack in the bundle.

    ``tags`` maps names to objects; None for a commit that is there without its history.
    """

    url: str
    commit: str
    path: str
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What has to be built where it is installed: for which target and Python, by which wheels, by path."""

    name: str
    target: str
    python: str
    tools: tuple[str, ...] = ()


def list_repositories(repositories: Sequence[Carried]) -> list[dict[str, object]]:
    """Write the list of commits, in order."""
    return [
        {"url": each.url, "commit": each.commit, "path": each.path}
        | ({} if each.tags is None else {"tags": dict(each.tags)})
        for each in sorted(repositories, key=lambda each: (each.url, each.commit))
    ]


def list_builds(builds: Sequence[Build]) -> list[dict[str, object]]:
    """Write the list of builds, in order."""
    return [
        {"name": each.name, "target": each.target, "python": each.python, "tools": sorted(each.tools)}
        for each in sorted(builds, key=lambda each: (each.name, each.target, each.python))
    ]


def read_repositories(bundle: Bundle) -> Mapping[tuple[str, str], Carried]:
    """Read the commits of a bundle, by URL and commit.

    Raises:
        InputError: `bad-bundle`.
    """
    found = {}
    for item in _read_list(bundle, "repositories"):
        tags = item.get("tags")
        is_right = _are_texts(item, ("url", "commit", "path"))
        if tags is not None:
            is_right = is_right and isinstance(tags, dict) and _are_texts(tags, tags)
        if not is_right or item["path"] not in bundle.files:
            raise bundle.refuse("its list of repositories is none")
        carried = Carried(url=item["url"], commit=item["commit"], path=item["path"], tags=tags)
        found[carried.url, carried.commit] = carried
    return found


def read_builds(bundle: Bundle) -> Mapping[tuple[str, str, str], Build]:
    """Read what builds take in a bundle, by project, target and Python.

    Raises:
        InputError: `bad-bundle`.
    """
    found = {}
    for item in _read_list(bundle, "builds"):
        tools = item.get("tools")
        if (
            not isinstance(tools, list)
            or not all(isinstance(each, str) for each in tools)
            or not _are_texts(item, ("name", "target", "python"))
        ):
            raise bundle.refuse("its list of builds is none")
        build = Build(name=item["name"], target=item["target"], python=item["python"], tools=tuple(tools))
        found[build.name, build.target, build.python] = build
    return found


def read_tool_commits(bundle: Bundle) -> Mapping[str, str]:
    """Read the commits of what builds require from repositories, by project name.

    Raises:
        InputError: `bad-bundle`.
    """
    found = bundle.contents.get("tool_commits", {})
    if not isinstance(found, dict) or not _are_texts(found, found):
        raise bundle.refuse("its list of the commits of build tools is none")
    return found


def _read_list(bundle: Bundle, key: str) -> list[dict[str, Any]]:
    found = bundle.contents.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise bundle.refuse(f"its list of {key} is none")
    return found


def _are_texts(item: Mapping[str, object], keys: Sequence[str] | Mapping[str, object]) -> bool:
    return all(isinstance(item.get(key), str) for key in keys)
