"""``env.toml`` from bytes to a `Manifest`: every problem of the file, and of its project's, in one go.

Pure: the caller reads the files. The order is fixed by what depends on what: first whether this version
may read the file, then its shape (`conform`), then what the texts in it mean, then what must fit together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from envctl.errors import raise_together
from envctl.frozen import replace
from envctl.manifest.conform import conform
from envctl.manifest.declared import Declared, add_project, parse_declared, refuse_two_origins
from envctl.manifest.digest import digest_data
from envctl.manifest.document import Document, parse_document
from envctl.manifest.environments import parse_environments
from envctl.manifest.keys import MANIFEST
from envctl.manifest.manifest import Manifest, PythonRequest
from envctl.manifest.policy import parse_policy
from envctl.manifest.python import parse_python
from envctl.manifest.requires import check_version
from envctl.manifest.rivals import parse_conflicts, refuse_conflicts
from envctl.manifest.settings import parse_build_settings, parse_install_settings, parse_lock_settings
from envctl.manifest.sources import parse_index_limits, parse_indexes, parse_sources

_LONGEST_NAME = 100


def parse(data: bytes, *, path: str, pyproject: bytes | None = None) -> Manifest:
    """Parse a manifest; ``path`` is where it lies, absolute.

    ``pyproject`` is the content of the file that `find_project` names, when it names one.

    Raises:
        InputError: `bad-toml`, `requires-envctl`, or the one problem that there is.
        Problems: all problems of the manifest and its pyproject.toml, each with its line.
    """
    document = parse_document(data, path=path)
    check_version(document)
    table = conform(document, MANIFEST)
    declared = parse_declared(document, table, pyproject)
    manifest = _parse_rest(document, table, declared)
    in_project = () if declared.home is document else declared.home.problems
    raise_together([*document.problems, *declared.errors, *in_project])
    return manifest


def _parse_rest(document: Document, table: Mapping[str, Any], declared: Declared) -> Manifest:
    """Read all but the lists; the result counts only when nothing was reported."""
    indexes = parse_indexes(document, table.get("index", ()))
    sources = parse_sources(document, table.get("sources", {}), indexes)
    refuse_two_origins(declared, sources)
    dependencies, all_sources = add_project(document, declared, sources)
    lock = table.get("lock", {})
    groups, extras = declared.groups, declared.extras
    environments = parse_environments(document, table.get("env", {}), groups=groups, extras=extras)
    conflicts = parse_conflicts(
        document,
        lock.get("conflicts", ()),
        groups=groups,
        extras=extras,
        includes=declared.lists.includes,
    )
    refuse_conflicts(document, environments, conflicts)
    return Manifest(
        path=document.path,
        folder=os.path.dirname(document.path),
        digest=digest_data(document.data, declared.project.used if declared.project else None),
        name=_parse_display_name(document, table.get("name")),
        pythons=_parse_pythons(document, table, declared),
        project=declared.reference,
        dependencies=dependencies,
        extras=declared.lists.extras,
        groups=declared.lists.groups,
        sources=all_sources,
        indexes=indexes,
        lock=replace(
            parse_lock_settings(document, lock, conflicts),
            index_limits=parse_index_limits(document, table.get("index", ())),
        ),
        build=parse_build_settings(document, table.get("build", {})),
        install=parse_install_settings(document, table.get("install", {})),
        policy=parse_policy(document, table.get("policy", {})),
        environments=environments,
        lists_in=declared.home.path,
    )


def _parse_display_name(document: Document, text: str | None) -> str | None:
    """Check the name that prompts show: it is written into scripts and settings, so it is one plain line."""
    if text is not None and (not text.strip() or not text.isprintable() or len(text) > _LONGEST_NAME):
        document.refuse(
            "bad-name", ("name",), f"is not one line of 1 to {_LONGEST_NAME} printable characters"
        )
    return text


def _parse_pythons(
    document: Document, table: Mapping[str, Any], declared: Declared
) -> tuple[PythonRequest, ...]:
    own = parse_python(document, ("python",), table["python"]) if "python" in table else None
    project = declared.project.python if declared.project is not None else None
    return tuple(request for request in (own, project) if request is not None)
