"""Check a file against the table of its keys, and keep of it what has the right shape.

What is refused is reported and left out, so that the functions that read meaning can trust the types and
go on to find the other problems. In lists None stands for a refused item: the places of the others stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envctl.manifest.document import Document, show
from envctl.manifest.keys import find_home
from envctl.manifest.locate import Path
from envctl.manifest.near import suggest
from envctl.manifest.shape import (
    Either,
    ListOf,
    MapOf,
    Scalar,
    Shape,
    Table,
    describe,
    describe_value,
    is_kind,
)


def conform(document: Document, table: Table) -> dict[str, Any]:
    """Return the data of ``document`` without what does not fit ``table``, and report that.

    Codes: `unknown-key`, `missing-key`, `wrong-type`, `bad-value`.
    """
    return _conform_table(document, document.data, table, ())


def _conform(document: Document, value: Any, shape: Shape, key: Path) -> Any:
    """Return ``value`` or what is right of it, None when nothing is."""
    if not is_kind(value, shape):
        _refuse_type(document, value, shape, key)
        return None
    match shape:
        case Scalar():
            return _conform_choice(document, value, shape, key)
        case ListOf():
            return [_conform(document, item, shape.item, (*key, place)) for place, item in enumerate(value)]
        case MapOf():
            fitting = {
                name: _conform(document, item, shape.value, (*key, name)) for name, item in value.items()
            }
            return {name: item for name, item in fitting.items() if item is not None}
        case Table():
            return _conform_table(document, value, shape, key)
        case Either():
            chosen = next(one for one in shape.shapes if is_kind(value, one))
            return _conform(document, value, chosen, key)


def _conform_table(document: Document, value: Mapping[str, Any], table: Table, key: Path) -> dict[str, Any]:
    fitting = {}
    for name, item in value.items():
        shape = table.keys.get(name)
        if shape is None:
            if table.closed:
                document.refuse("unknown-key", (*key, name), "is not a key here", *_meant(name, table))
            continue
        right = _conform(document, item, shape, (*key, name))
        if right is not None:
            fitting[name] = right
    for name in table.required:
        if name not in value:
            document.refuse("missing-key", key, f"has no `{name}`")
    return fitting


def _conform_choice(document: Document, value: Any, shape: Scalar, key: Path) -> Any:
    if shape.choices and value not in shape.choices:
        known = ", ".join(f"`{one}`" for one in shape.choices)
        document.refuse(
            "bad-value", key, f"is {show(value)}, not one of {known}", *suggest(value, shape.choices)
        )
        return None
    return value


def _refuse_type(document: Document, value: Any, shape: Shape, key: Path) -> None:
    shown = "" if isinstance(value, list | dict) else f" {show(value)}"
    hints = []
    if isinstance(shape, ListOf) and isinstance(value, dict):
        hints = [f"write `[[{key[-1]}]]` for each"] if isinstance(shape.item, Table) else []
    elif isinstance(shape, ListOf) and isinstance(value, str):
        hints = [f'write `["{value}"]`']
    document.refuse("wrong-type", key, f"is {describe_value(value)}{shown}, not {describe(shape)}", *hints)


def _meant(name: str, table: Table) -> tuple[str, ...]:
    if name in table.hints:
        return (table.hints[name],)
    home = find_home(name)
    return suggest(name, table.keys) or ((f"`{name}` belongs in `[{home}]`",) if home else ())
