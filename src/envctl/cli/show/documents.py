"""Every result as a JSON document: ``format_version``, ``kind``, and the fields of the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.frozen import fields

FORMAT_VERSION = "1.0"


def document(kind: str, **content: object) -> dict[str, Any]:
    """Make a document of this kind; its content is turned into plain JSON values."""
    plain = {name: to_plain(value) for name, value in content.items()}
    return {"format_version": FORMAT_VERSION, "kind": f"envctl.{kind}", **plain}


def result_document(kind: str, result: object, **more: object) -> dict[str, Any]:
    """Make a document of a result: one key for each of its fields, then ``more``."""
    content = to_plain(result)
    assert isinstance(content, dict)  # noqa: S101 - anything else is a bug
    return document(kind, **content, **more)


def to_plain(value: object) -> Any:
    """Turn a value into JSON values: frozen values and mappings into objects, a set into a sorted list."""
    if isinstance(value, str):
        return str(value)  # a member of an enumeration is its text
    names = fields(value)
    if names is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, Sequence):
        return [to_plain(item) for item in value]
    return value
