"""Bundles taken apart and changed, and a project carried to where there is nothing but its bundle."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

from support.project import Project


def carry(project: Project, place: str) -> Project:
    """Take the project to a machine whose cache is empty and whose index does not answer."""
    folder = os.path.join(place, "elsewhere")
    shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns(".venv*", "calls.txt"))
    cache = os.path.join(place, "empty")
    os.makedirs(os.path.join(cache, "home"))
    return Project(folder=folder, cache=cache, index=project.index)


def members_of(path: str) -> Mapping[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {each.name: each for each in tar}


def read_member(path: str, name: str) -> bytes:
    """Read one file of a bundle."""
    with tarfile.open(path) as tar:
        content = tar.extractfile(name)
        assert content is not None
        return content.read()


def contents_of(path: str) -> dict[str, Any]:
    """Read the list of a bundle."""
    found: dict[str, Any] = json.loads(read_member(path, "bundle.json"))
    return found


def rewrite(
    path: str,
    change: Callable[[dict[str, bytes]], None],
    contents: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Change the members of a bundle, and its list."""
    with tarfile.open(path) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]
    listed = json.loads(members["bundle.json"])
    change(members)
    contents(listed)
    members["bundle.json"] = json.dumps(listed).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def lose(path: str, filename: str) -> None:
    """Take a file out of a bundle, and out of its list of files."""
    (name,) = [each for each in members_of(path) if each.endswith(f"/{filename}")]

    def remove(members: dict[str, bytes]) -> None:
        del members[name]

    def unlist(contents: dict[str, Any]) -> None:
        contents["files"] = [each for each in contents["files"] if each["path"] != name]

    rewrite(path, remove, unlist)
