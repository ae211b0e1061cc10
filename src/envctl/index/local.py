"""Indexes that lie on this machine: a folder of files, a page of links, or a tree of pages.

Nothing of it is cached: the files are at hand.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence

from packaging.version import Version

from envctl import atomic
from envctl.errors import MachineError, UpstreamError
from envctl.index.archive import read_metadata
from envctl.index.compact import Grouped, encode_project, group_files
from envctl.index.listing import LazyVersions, make_head, open_record
from envctl.index.location import make_file_url
from envctl.index.page import JSON, Page, parse_page
from envctl.resolve.port import ListedFile, Project


class FolderProject:
    """A `Project` whose files lie in one folder. A version's files are hashed when they are asked for."""

    __slots__ = ("_files", "_index", "_name", "_paths", "_versions")

    def __init__(self, name: str, *, index: str, paths: Grouped) -> None:
        self._name = name
        self._index = index
        self._paths = dict(paths)
        self._versions = LazyVersions([str(version) for version, _ in paths])
        self._files: dict[Version, tuple[ListedFile, ...]] = {}

    @property
    def name(self) -> str:
        """The normalised name."""
        return self._name

    @property
    def index(self) -> str:
        """The name of the index that lists it."""
        return self._index

    @property
    def status(self) -> str | None:
        """Nothing: a folder says nothing of its projects."""
        return None

    @property
    def versions(self) -> LazyVersions:
        """All versions that have a file with a valid name, newest first."""
        return self._versions

    def files(self, version: Version) -> Sequence[ListedFile]:
        """Return the wheels and sdists of a version, by name. Reads them all: that is how they get hashes."""
        if version not in self._files:
            self._files[version] = tuple(_describe(path) for path in self._paths.get(version, ()))
        return self._files[version]


def scan_folder(folder: str, *, index: str) -> dict[str, Project]:
    """Find the wheels and sdists that lie in ``folder`` itself, by project.

    Raises:
        UpstreamError: `index-unreachable` when it is no folder that can be read.
    """
    try:
        filenames = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        message = f"the folder `{folder}` of index `{index}` cannot be read: {os.strerror(error.errno or 0)}"
        raise UpstreamError("index-unreachable", message, where=folder) from error
    paths = ((filename, os.path.join(folder, filename)) for filename in filenames)
    return {
        name: FolderProject(name, index=index, paths=versions)
        for name, versions in group_files(paths).items()
    }


def read_project(folder: str, name: str, *, index: str) -> Project | None:
    """Read a project's folder: its ``index.html`` or ``index.json``, else its files; None without a folder.

    Raises:
        UpstreamError: `bad-index-page`; `index-unreachable` when it cannot be read.
    """
    for filename in ("index.html", "index.json"):
        page = _read_page(os.path.join(folder, filename), index)
        if page is not None:
            return open_projects(page, index=index).get(name)
    return scan_folder(folder, index=index).get(name) if os.path.isdir(folder) else None


def read_flat(path: str, *, index: str) -> Mapping[str, Project]:
    """Read a folder of files, or a page of links, and return its projects.

    Raises:
        UpstreamError: `bad-index-page`; `index-unreachable` when it is not there or cannot be read.
    """
    if os.path.isdir(path):
        return scan_folder(path, index=index)
    page = _read_page(path, index)
    if page is None:
        message = f"`{path}` of index `{index}` does not exist"
        raise UpstreamError("index-unreachable", message, where=path)
    return open_projects(page, index=index)


def open_projects(page: Page, *, index: str) -> dict[str, Project]:
    """Open every project whose files are on a page; in memory."""
    projects: dict[str, Project] = {}
    for name, versions in group_files(page.entries).items():
        record = encode_project(versions, head=make_head(name, base=page.base, status=page.status))
        project = open_record(record, index=index)
        if project is not None:
            projects[name] = project
    return projects


def read_wheel_metadata(path: str, filename: str) -> bytes:
    """Return the METADATA of a wheel of this machine.

    Raises:
        UpstreamError: `bad-wheel`.
        MachineError: `cannot-read`.
    """
    try:
        with open(path, "rb") as file:
            return read_metadata(file, filename=filename)
    except OSError as error:
        message = f"the file `{path}` cannot be read: {os.strerror(error.errno or 0)}"
        raise MachineError("cannot-read", message, where=path) from error


def remove(path: str) -> None:
    """Remove a scratch file; one that cannot be removed stays."""
    try:
        atomic.remove(path)
    except OSError:
        pass


def _read_page(path: str, index: str) -> Page | None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"`{path}` of index `{index}` cannot be read: {os.strerror(error.errno or 0)}"
        raise UpstreamError("index-unreachable", message, where=path) from error
    kind = JSON if path.endswith(".json") else "text/html"
    return parse_page(data, content_type=kind, url=make_file_url(path))


def _describe(path: str) -> ListedFile:
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        message = f"the file `{path}` cannot be read: {os.strerror(error.errno or 0)}"
        raise MachineError("cannot-read", message, where=path) from error
    return ListedFile(
        filename=os.path.basename(path), url=make_file_url(path), hashes={"sha256": digest}, size=size
    )
