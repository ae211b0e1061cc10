"""Names of projects, groups, extras and indexes: valid, normalised, and each only once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from envctl.manifest.document import Document, show
from envctl.manifest.locate import Path
from envctl.manifest.near import suggest
from envctl.model.names import normalise

_LONGEST = 255
_VALID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_GLOB = re.compile(r"[A-Za-z0-9._*?\[\]!-]+")

Value = TypeVar("Value")


def is_name(text: str) -> bool:
    """Whether ``text`` can be a name. Source: PyPA, "Names and normalization"."""
    return len(text) <= _LONGEST and _VALID.fullmatch(text) is not None


def parse_name(document: Document, key: Path, text: str) -> str | None:
    """Normalise a name, or report `bad-name`."""
    if is_name(text):
        return normalise(text)
    document.refuse(
        "bad-name",
        key,
        f"is {show(text)}, which is not a name",
        "letters, digits and `.`, `_`, `-` between them",
    )
    return None


def parse_names(document: Document, key: Path, items: Sequence[str | None]) -> tuple[str, ...]:
    """Normalise a list of names; reports `bad-name`, and `duplicate-name` for one that is there twice."""
    names: dict[str, None] = {}
    for place, text in enumerate(items):
        name = None if text is None else parse_name(document, (*key, place), text)
        if name in names:
            document.refuse("duplicate-name", (*key, place), f"names {show(name)} a second time")
        elif name is not None:
            names[name] = None
    return tuple(names)


def parse_globs(document: Document, key: Path, items: Sequence[str | None]) -> tuple[str, ...]:
    """Normalise patterns of names, such as ``acme-*``; reports `bad-name`."""
    globs = []
    for place, text in enumerate(items):
        if text is None:
            continue
        if _GLOB.fullmatch(text) is None or len(text) > _LONGEST:
            document.refuse("bad-name", (*key, place), f"is {show(text)}, which is no pattern of names")
        else:
            globs.append(re.sub(r"[-_.]+", "-", text).lower())
    return tuple(globs)


def normalise_keys(
    document: Document, key: Path, table: Mapping[str, Value], *, star: bool = False
) -> dict[str, tuple[str, Value]]:
    """Map the normalised keys of a table to each key as written and its value.

    ``star`` allows the key ``*``. Reports `bad-name` and, for keys that are equal once normalised,
    `duplicate-name`.
    """
    found: dict[str, tuple[str, Value]] = {}
    for written, value in table.items():
        name = "*" if star and written == "*" else parse_name(document, (*key, written), written)
        if name is None:
            continue
        if name in found:
            first = found[name][0]
            where = document.where((*key, first))
            document.refuse("duplicate-name", (*key, written), f"is the same name as {show(first)} ({where})")
        else:
            found[name] = (written, value)
    return found


def refuse_unknown(
    document: Document, key: Path, name: str, known: Mapping[str, object], *, kind: str
) -> None:
    """Report that there is no ``kind`` (``group``, ``extra``, ``index``) of that name: `unknown-KIND`."""
    hints = suggest(name, known)
    if not hints and known:
        hints = (f"known: {', '.join(sorted(known)[:10])}",)
    document.refuse(f"unknown-{kind}", key, f"names the {kind} {show(name)}, which there is not", *hints)
