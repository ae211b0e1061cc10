"""The tables ``[env.NAME]``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.manifest import DEFAULT, Declaration
from envctl.manifest.names import parse_names, refuse_unknown
from envctl.manifest.python import parse_python
from envctl.manifest.urls import parse_path
from envctl.model.names import normalise

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")

#: What lies beside an environment, at its path with this added.
_BESIDE = ".envctl"

Names = Mapping[str, object] | None


def parse_environments(
    document: Document, table: Mapping[str, Mapping[str, Any]], *, groups: Names, extras: Names
) -> dict[str, Declaration]:
    """Parse the environments, in the file's order; ``default`` comes first where it is not written.

    ``groups`` and ``extras`` are what can be named, None when that cannot be told. Reports `bad-name`,
    `duplicate-name`, `duplicate-path`, `bad-path`, `unknown-group`, `unknown-extra` and what Python
    statements report.
    """
    stated = dict(table) if DEFAULT in table else {DEFAULT: {}, **table}
    environments: dict[str, Declaration] = {}
    spellings: dict[str, str] = {}
    for name, item in stated.items():
        key = ("env", name)
        if _NAME.fullmatch(name) is None:
            document.refuse(
                "bad-name", key, "is not a name for an environment", "letters, digits, `.`, `_`, `-`"
            )
            continue
        first = spellings.setdefault(normalise(name), name)
        if first != name:
            document.refuse("duplicate-name", key, f"is the same name as {show(first)}")
            continue
        environments[name] = _parse_environment(document, name, item, groups=groups, extras=extras)
    _refuse_shared_paths(document, environments)
    return environments


def _parse_environment(
    document: Document, name: str, item: Mapping[str, Any], *, groups: Names, extras: Names
) -> Declaration:
    key = ("env", name)
    text = item.get("path", ".venv" if name == DEFAULT else f".venv-{name}")
    path = parse_path(document, (*key, "path"), text) or ""
    if name == DEFAULT and not document.has("env", name, "groups"):
        chosen: tuple[str, ...] = ("dev",) if "dev" in (groups or ()) else ()
    else:
        chosen = _parse_chosen(document, (*key, "groups"), item.get("groups", ()), groups, kind="group")
    python = item.get("python")
    return Declaration(
        name=name,
        path=path,
        groups=chosen,
        extras=_parse_chosen(document, (*key, "extras"), item.get("extras", ()), extras, kind="extra"),
        python=None if python is None else parse_python(document, (*key, "python"), python),
    )


def _parse_chosen(
    document: Document, key: Path, items: Sequence[str | None], known: Names, *, kind: str
) -> tuple[str, ...]:
    names = parse_names(document, key, items)
    if known is None:
        return ()
    for place, text in enumerate(items):
        if text is not None and normalise(text) in names and normalise(text) not in known:
            refuse_unknown(document, (*key, place), text, known, kind=kind)
    return tuple(name for name in names if name in known)


def _refuse_shared_paths(document: Document, environments: Mapping[str, Declaration]) -> None:
    """Report paths that are one, or that lie in each other, or around the manifest."""
    folder = os.path.normcase(os.path.dirname(document.path))
    taken: dict[str, str] = {}
    for name, declaration in environments.items():
        if not declaration.path:
            continue
        key: Path = ("env", name, "path")
        path = os.path.normcase(declaration.path)
        if _is_within(folder, path):
            document.refuse("bad-path", key, f"is {show(declaration.path)}, which holds the manifest itself")
            continue
        for other, owner in taken.items():
            if path == other:
                hidden = "" if document.has("env", owner) else ", which exists though not written,"
                document.refuse(
                    "duplicate-path", key, f"is {show(declaration.path)}, and `env.{owner}`{hidden} has it"
                )
            elif any(_is_within(a, b) for a, b in ((path, other), (other, path))) or (
                path == other + _BESIDE or other == path + _BESIDE
            ):
                document.refuse(
                    "duplicate-path", key, f"is {show(declaration.path)}, in the way of `env.{owner}`"
                )
        taken.setdefault(path, name)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
