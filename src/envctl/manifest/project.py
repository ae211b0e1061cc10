"""``project = …``: the lists of a ``pyproject.toml`` instead of the manifest's own."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Any

from envctl.frozen import dataclass, field
from envctl.manifest.conform import conform
from envctl.manifest.document import Document, parse_document, show
from envctl.manifest.keys import PYPROJECT
from envctl.manifest.lists import Lists, flatten, parse_extras, parse_groups, parse_list
from envctl.manifest.locate import Path
from envctl.manifest.manifest import ProjectReference, PythonRequest
from envctl.manifest.names import parse_name
from envctl.manifest.requirements import parse_specifier
from envctl.manifest.requires import is_for_this_version
from envctl.manifest.rivals import find_includes
from envctl.manifest.urls import parse_path

PYPROJECT_NAME = "pyproject.toml"

#: The keys of the manifest that cannot stand beside `project`.
LIST_KEYS = ("dependencies", "optional-dependencies", "dependency-groups")

_KEY = ("project",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a ``pyproject.toml`` says: its name where it has one, its lists, and what the digest covers.

    ``has_groups`` and ``has_extras`` are false where those tables are malformed, so that nothing can be
    said about names missing from them.
    """

    name: str | None = None
    is_built: bool = False
    python: PythonRequest | None = None
    lists: Lists = field(default_factory=Lists)
    has_groups: bool = True
    has_extras: bool = True
    used: Mapping[str, object] = field(default_factory=dict)


def find_project(data: bytes, *, path: str) -> str | None:
    """Return the absolute path of the ``pyproject.toml`` that a manifest names, None if it names none.

    Mistakes elsewhere are left for `parse` to report; None also for a file that is not TOML, and for one
    that is meant for another version of envctl.
    """
    try:
        content = tomllib.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    stated = content.get("project")
    text = stated.get("path", ".") if isinstance(stated, dict) else stated
    if not isinstance(text, str) or not is_for_this_version(content):
        return None
    folder = parse_path(Document(path=path, data=content, lines={(): 1}), _KEY, text)
    if folder is None or os.path.basename(folder) == PYPROJECT_NAME:
        return None
    return os.path.join(folder, PYPROJECT_NAME)


def parse_reference(document: Document, table: Mapping[str, Any]) -> ProjectReference | None:
    """Parse the key ``project`` itself, as written: whether it is installed depends on the project too.

    Reports `bad-path`, and `two-lists` for each list that stands beside it.
    """
    stated = table.get("project")
    if stated is None:
        return None
    for name in LIST_KEYS:
        if document.has(name):
            document.refuse(
                "two-lists",
                (name,),
                "stands here too, beside `project`",
                f"one list, one home: move it to {PYPROJECT_NAME}, or take `project` away",
            )
    options = stated if isinstance(stated, dict) else {"path": stated}
    text = options.get("path", ".")
    key: Path = (*_KEY, "path") if isinstance(stated, dict) else _KEY
    path = parse_path(document, key, text)
    if path is None:
        return None
    if os.path.basename(path) == PYPROJECT_NAME:
        meant = os.path.dirname(text) or "."
        document.refuse("bad-path", key, f"is {show(text)}, a file", f"name its folder: `{meant}`")
        return None
    return ProjectReference(
        path=path,
        written=text,
        editable=options.get("editable", True),
        install=options.get("install", True),
    )


def parse_pyproject(document: Document, *, install: bool) -> Project:
    """Read from a ``pyproject.toml`` what the manifest takes from it; ``install`` as the manifest has it.

    Requirements that name the project itself are replaced when it is not installed. Reports
    `dynamic-project`, `no-project-table`, `bad-name`, `bad-specifier`, and what the lists report.

    Source: PEP 621, PEP 735.
    """
    table = conform(document, PYPROJECT)
    project = table.get("project", {})
    is_built = "build-system" in table
    _refuse_unreadable(document, project, is_built=is_built and install)
    stated = project.get("name")
    name = None if stated is None else parse_name(document, ("project", "name"), stated)
    written = table.get("dependency-groups", {})
    extras = parse_extras(
        document, ("project", "optional-dependencies"), project.get("optional-dependencies", {})
    )
    groups = parse_groups(document, ("dependency-groups",), written)
    lists = Lists(
        dependencies=parse_list(
            document, ("project", "dependencies"), project.get("dependencies", ()), by=document.name
        ),
        extras=extras,
        groups=groups,
        includes=find_includes(written, {"extra": extras, "group": groups}, name),
    )
    if name is not None and not (is_built and install):
        lists = flatten(document, lists, name)
    return Project(
        name=name,
        is_built=is_built,
        python=_parse_requires_python(document, project.get("requires-python")),
        lists=lists,
        has_groups="dependency-groups" in table or not document.has("dependency-groups"),
        has_extras="optional-dependencies" in project or not document.has("project", "optional-dependencies"),
        used=_select_used(document.data),
    )


def _refuse_unreadable(document: Document, project: Mapping[str, Any], *, is_built: bool) -> None:
    """Report lists that only a build backend could tell."""
    for place, item in enumerate(project.get("dynamic", ())):
        if item in ("dependencies", "optional-dependencies"):
            document.refuse(
                "dynamic-project",
                ("project", "dynamic", place),
                f"leaves {show(item)} to the build backend",
                f"write `{item}` into `[project]`, where every tool can read them",
                "or leave `project` out of the manifest and name the project in its lists and `[sources]`",
            )
    if is_built and not document.has("project"):
        document.refuse(
            "no-project-table",
            ("build-system",),
            "stands without a `[project]` table: only its backend knows what the project needs",
            "describe the project in `[project]` (PEP 621)",
            "`project = { path = …, install = false }` takes the dependency groups alone",
        )
    elif is_built and not document.has("project", "name"):
        document.refuse("missing-key", ("project",), "has no `name`")


def _parse_requires_python(document: Document, text: str | None) -> PythonRequest | None:
    if text is None:
        return None
    key = ("project", "requires-python")
    specifier = parse_specifier(document, key, text)
    if specifier is None:
        return None
    return PythonRequest(text=text, specifier=specifier, where=document.where(key))


def _select_used(data: Mapping[str, Any]) -> Mapping[str, object]:
    project = data.get("project", {})
    keys = PYPROJECT.keys["project"].keys if isinstance(project, dict) else ()  # type: ignore[union-attr] # a Table
    return {
        "project": {key: project[key] for key in keys if key in project},
        "dependency-groups": data.get("dependency-groups"),
        "build-system": "build-system" in data,
    }


def parse_pyproject_bytes(data: bytes, *, folder: str, install: bool) -> tuple[Document, Project]:
    """Decode a ``pyproject.toml`` and read what the manifest takes from it.

    Raises:
        InputError: `bad-toml`. Everything else is reported in the document.
    """
    document = parse_document(data, path=os.path.join(folder, PYPROJECT_NAME))
    return document, parse_pyproject(document, install=install)
