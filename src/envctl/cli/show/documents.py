"""Every result as a JSON document: ``format_version``, ``kind``, and the fields of the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envctl.frozen import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envctl.workflow.results import Generation, RolledBack

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


def history_document(generations: Sequence[Generation]) -> dict[str, Any]:
    """Make the ``envctl.history`` document."""
    tables = [{**to_plain(each), "changes": _sides(each.changes)} for each in generations]
    return document("history", generations=tables)


def rolled_back_document(result: RolledBack) -> dict[str, Any]:
    """Make the ``envctl.rollback`` document."""
    before, after = result.python
    python = {"before": before, "after": after}
    return {**result_document("rollback", result), "packages": _sides(result.packages), "python": python}


def _sides(packages: Mapping[str, tuple[str | None, str | None]] | None) -> dict[str, Any] | None:
    if packages is None:
        return None
    return {name: {"before": before, "after": after} for name, (before, after) in packages.items()}


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
