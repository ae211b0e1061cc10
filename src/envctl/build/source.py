"""A source tree as data: what its ``pyproject.toml`` states, and a digest of what decides its metadata.

Nothing here runs code. A tree whose metadata only a backend can tell is told apart from one that
states all of it (PEP 621 without ``dynamic``), so that a build happens only where it must.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envctl.errors import InputError
from envctl.frozen import dataclass
from envctl.model.dependency import check_expression, dependency_from
from envctl.resolve.port import Metadata

_LONGEST_NAME = 255
_LONGEST_REASON = 300
#: What decides a resolution; where a backend alone tells one of these, it has to be asked.
_DECIDING = frozenset({"version", "dependencies", "optional-dependencies", "requires-python"})

LEGACY_BACKEND = "setuptools.build_meta:__legacy__"


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """The ``[build-system]`` table (PEP 518, 517), with the defaults for a tree that has none."""

    requires: tuple[str, ...] = ("setuptools>=40.8.0",)
    backend: str = LEGACY_BACKEND
    backend_path: tuple[str, ...] = ()


def read_pyproject(path: str) -> Mapping[str, Any]:
    """Read the ``pyproject.toml`` of a source tree; empty where there is none.

    Raises:
        InputError: `bad-pyproject` when it is not TOML.
    """
    file_name = os.path.join(path, "pyproject.toml")
    try:
        with open(file_name, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    return parse_pyproject(data, where=file_name)


def parse_pyproject(data: bytes, *, where: str) -> Mapping[str, Any]:
    """Parse the ``pyproject.toml`` of a source tree.

    Raises:
        InputError: `bad-pyproject` when it is not TOML.
    """
    try:
        return tomllib.loads(data.decode())
    except RecursionError as error:
        raise InputError("bad-pyproject", "the project's file is nested too deeply", where=where) from error
    except ValueError as error:  # of the encoding, the syntax, and an integer with thousands of digits
        message = f"the project's file is not valid TOML: {shorten(error)}"
        raise InputError("bad-pyproject", message, where=where) from error


def shorten(error: Exception) -> str:
    """Return what an exception says, which may quote a stranger's text whole."""
    text = str(error) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def parse_build_system(pyproject: Mapping[str, Any], *, where: str) -> BuildSystem:
    """Parse ``[build-system]``; a tree without one is built the legacy way (PEP 517, "Source trees").

    Raises:
        InputError: `bad-pyproject` for wrong types; `backend-path-escapes` for a path that leaves the tree.
    """
    table = pyproject.get("build-system")
    if table is None:
        return BuildSystem()
    requires = table.get("requires") if isinstance(table, dict) else None
    if not _is_list_of_text(requires):
        raise InputError(
            "bad-pyproject", "`build-system.requires` is not a list of requirements", where=where
        )
    backend = table.get("build-backend", LEGACY_BACKEND)
    paths = table.get("backend-path", [])
    if not isinstance(backend, str) or not _is_list_of_text(paths):
        raise InputError("bad-pyproject", "`build-system` has a key of the wrong type", where=where)
    for path in paths:
        # Refused before the backend starts: a path outside the tree would run code nobody named.
        if (
            os.path.isabs(path)
            or path.startswith("\\")
            or ":" in path
            or "\0" in path
            or os.pardir in os.path.normpath(path.replace("\\", "/")).replace(os.sep, "/").split("/")
        ):
            raise InputError(
                "backend-path-escapes",
                f"`build-system.backend-path` leaves the source tree: `{path}`",
                where=where,
            )
    return BuildSystem(requires=tuple(requires), backend=backend, backend_path=tuple(paths))


def refuse_outside(folder: str, system: BuildSystem, *, where: str) -> None:
    """Refuse a backend-path that leads out of the tree through a link, or is no folder.

    Raises:
        InputError: `backend-path-escapes`.
    """
    root = os.path.realpath(folder)
    for path in system.backend_path:
        real = os.path.realpath(os.path.join(folder, path))
        if os.path.commonpath([root, real]) != root or not os.path.isdir(real):
            raise InputError(
                "backend-path-escapes",
                f"`build-system.backend-path` is no folder of the source tree: `{path}`",
                where=where,
            )


def _is_list_of_text(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def read_static_metadata(pyproject: Mapping[str, Any], *, where: str) -> Metadata | None:
    """Read the metadata that ``[project]`` states whole; None where a backend must be asked.

    A backend is needed when the table is missing, or when name, version, dependencies, extras or
    requires-python are ``dynamic``.

    Raises:
        InputError: `bad-pyproject` for a value that its specification does not allow.

    Source: the pyproject.toml specification, "Declaring project metadata".
    """
    project = pyproject.get("project")
    if not isinstance(project, dict) or "name" not in project or "version" not in project:
        return None
    try:
        if not _DECIDING.isdisjoint(project.get("dynamic", ())):
            return None
        return _parse_project(project)
    except RecursionError as error:
        message = "the `project` table is invalid: a marker is nested too deeply"
        raise InputError("bad-pyproject", message, where=where) from error
    except (ValueError, TypeError, AttributeError) as error:  # packaging's are of the first kind
        message = f"the `project` table is invalid: {shorten(error)}"
        raise InputError("bad-pyproject", message, where=where) from error


def read_stated_metadata(folder: str) -> Metadata | None:
    """Read the metadata of a source tree where its ``pyproject.toml`` states it whole; see above."""
    return read_static_metadata(read_pyproject(folder), where=os.path.join(folder, "pyproject.toml"))


def _parse_project(project: Mapping[str, Any]) -> Metadata:
    requirements = [parse_requirement(text) for text in project.get("dependencies", ())]
    extras = project.get("optional-dependencies", {})
    for extra, wanted in extras.items():
        requirements += [_under_extra(text, canonicalize_name(extra)) for text in wanted]
    python = project.get("requires-python")
    return Metadata(
        name=canonicalize_name(check_expression(project["name"], longest=_LONGEST_NAME)),
        version=Version(check_expression(project["version"], longest=_LONGEST_NAME)),
        requires_python=SpecifierSet(check_expression(python)) if python else None,
        requirements=tuple(map(dependency_from, requirements)),
        extras=frozenset(canonicalize_name(extra) for extra in extras),
    )


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement of a stranger. Raises ValueError, RecursionError, TypeError."""
    return Requirement(check_expression(text))


def _under_extra(text: str, extra: str) -> Requirement:
    requirement = parse_requirement(text)
    condition = f'extra == "{extra}"'
    marker = f"({requirement.marker}) and {condition}" if requirement.marker else condition
    requirement.marker = None
    return Requirement(f"{requirement} ; {marker}")


def find_source_folder(unpacked: str, entries: Sequence[str]) -> str:
    """Find the one top-level folder of an unpacked sdist.

    Raises:
        InputError: `bad-sdist` when there is not exactly one.

    Source: the source distribution format, "Source distribution archive features".
    """
    if len(entries) != 1 or not os.path.isdir(os.path.join(unpacked, entries[0])):
        raise InputError(
            "bad-sdist", "the archive does not hold exactly one top-level folder", where=unpacked
        )
    return os.path.join(unpacked, entries[0])
