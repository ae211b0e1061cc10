"""What a manifest asks for, wherever it is written: in its own lists, or in those of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packaging.requirements import Requirement

from envctl.errors import EnvctlError, InputError
from envctl.frozen import dataclass, replace
from envctl.manifest.document import Document, show
from envctl.manifest.lists import Lists, parse_extras, parse_groups, parse_list
from envctl.manifest.manifest import Asked, PathSource, ProjectReference, Source
from envctl.manifest.project import PYPROJECT_NAME, Project, parse_pyproject_bytes, parse_reference
from envctl.manifest.rivals import find_includes


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The lists of a manifest, and the file they stand in.

    ``groups`` and ``extras`` are the names that can be selected, None where a mistake hides them.
    ``errors`` are of a file that could not be read at all; other problems are in the documents.
    """

    home: Document
    lists: Lists
    groups: Mapping[str, object] | None
    extras: Mapping[str, object] | None
    reference: ProjectReference | None = None
    project: Project | None = None
    errors: tuple[EnvctlError, ...] = ()

    @property
    def installed(self) -> str | None:
        """The name of the project, when it is to be installed itself."""
        if self.project is None or self.reference is None or not self.reference.install:
            return None
        return self.project.name if self.project.is_built else None


def parse_declared(document: Document, table: Mapping[str, Any], pyproject: bytes | None) -> Declared:
    """Read the lists of the manifest, or of the ``pyproject.toml`` it names.

    Reports in the manifest what `parse_reference` does, `no-pyproject`, and what the lists report.
    """
    if not document.has("project"):
        return _parse_own(document, table)
    hidden = Declared(home=document, lists=Lists(), groups=None, extras=None)
    reference = parse_reference(document, table)
    if reference is None:
        return hidden
    if pyproject is None:
        document.refuse(
            "no-pyproject",
            ("project",),
            f"names {show(reference.written)}, where there is no `{PYPROJECT_NAME}`",
        )
        return hidden
    try:
        home, project = parse_pyproject_bytes(pyproject, folder=reference.path, install=reference.install)
    except InputError as error:
        return replace(hidden, errors=(error,))
    declared = Declared(
        home=home,
        lists=project.lists,
        groups=project.lists.groups if project.has_groups else None,
        extras=project.lists.extras if project.has_extras else None,
        project=project,
        reference=reference,
    )
    return replace(declared, reference=replace(reference, install=declared.installed is not None))


def _parse_own(document: Document, table: Mapping[str, Any]) -> Declared:
    written = table.get("dependency-groups", {})
    extras = parse_extras(document, ("optional-dependencies",), table.get("optional-dependencies", {}))
    groups = parse_groups(document, ("dependency-groups",), written)
    lists = Lists(
        dependencies=parse_list(document, ("dependencies",), table.get("dependencies", ()), by=document.name),
        extras=extras,
        groups=groups,
        includes=find_includes(written, {"extra": extras, "group": groups}),
    )
    is_hidden = {
        key: key in document.data and key not in table
        for key in ("dependency-groups", "optional-dependencies")
    }
    return Declared(
        home=document,
        lists=lists,
        groups=None if is_hidden["dependency-groups"] else lists.groups,
        extras=None if is_hidden["optional-dependencies"] else lists.extras,
    )


def refuse_two_origins(declared: Declared, sources: Mapping[str, Source]) -> None:
    """Report direct URLs in the lists for names that ``sources`` has too: `two-origins`."""
    lists = declared.lists
    everything = (lists.dependencies, *lists.extras.values(), *lists.groups.values())
    reported = set()
    for entry in (entry for entries in everything for entry in entries):
        name = entry.requirement.name
        if entry.requirement.url is None or name not in sources or (name, entry.where) in reported:
            continue
        reported.add((name, entry.where))
        declared.home.add(
            InputError(
                "two-origins",
                f"{show(name)} has a URL here and an entry in `[sources]`",
                where=entry.where,
                hints=["leave one of the two"],
            )
        )


def add_project(
    document: Document, declared: Declared, sources: Mapping[str, Source]
) -> tuple[tuple[Asked, ...], Mapping[str, Source]]:
    """Return the dependencies and sources with the project itself, when it is installed.

    Reports `two-origins` for a project that ``[sources]`` names as well.
    """
    name, reference = declared.installed, declared.reference
    if name is None or reference is None:
        return declared.lists.dependencies, sources
    if name in sources:
        document.refuse(
            "two-origins",
            ("project",),
            f"is {show(name)}, which `[sources]` names too",
            f"take `{name}` out of `[sources]`: the project comes from its own folder",
        )
    itself = Asked(requirement=Requirement(name), by=document.name, where=document.where(("project",)))
    source = PathSource(
        path=reference.path,
        written=reference.written,
        editable=reference.editable,
    )
    return (itself, *declared.lists.dependencies), {**sources, name: source}
