"""A lock of ours as packaging understands it, for whoever chooses from it; and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from packaging import pylock
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from envctl.lock import entries as entries_module
from envctl.lock.entries import Entries, Package

#: How texts of entries are parsed, by field.
_PARSERS: dict[str, Callable[[str], object]] = {
    "version": Version,
    "marker": Marker,
    "requires_python": SpecifierSet,
}


def understand(entries: Entries) -> pylock.Pylock:
    """Parse the texts of ``entries``; nothing is checked that `compose` has seen to."""
    return pylock.Pylock(
        lock_version=Version(entries.lock_version),
        environments=[Marker(text) for text in entries.environments or ()],
        requires_python=SpecifierSet(entries.requires_python) if entries.requires_python else None,
        extras=[NormalizedName(extra) for extra in entries.extras],
        dependency_groups=list(entries.dependency_groups),
        default_groups=list(entries.default_groups),
        created_by=entries.created_by,
        packages=[_package(package) for package in entries.packages],
        tool=entries.tool,
    )


def retell(known: pylock.Pylock) -> Entries:
    """Write what packaging understood as entries again: `understand` makes the same of them."""
    fields = _retell_fields(known)
    fields["packages"] = [_retell(package) for package in known.packages]
    return Entries(**fields)


def _retell(value: Any) -> Any:
    """Make our own value of one of packaging's, and texts of what it parses."""
    if isinstance(value, Version | Marker | SpecifierSet):
        return str(value)
    if isinstance(value, list | tuple):
        return [_retell(item) for item in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    return getattr(entries_module, type(value).__name__)(**_retell_fields(value))


def _retell_fields(value: Any) -> dict[str, Any]:
    return {name: _retell(getattr(value, name)) for name in value.__dataclass_fields__}


def _package(package: Package) -> pylock.Package:
    fields: dict[str, Any] = {}
    for name, value in _fields(package).items():
        if name in _PARSERS and isinstance(value, str):
            fields[name] = _PARSERS[name](value)
        elif name == "wheels" and value is not None:
            fields[name] = [_file(wheel) for wheel in value]
        else:
            fields[name] = _file(value)
    return pylock.Package(**fields)


def _file(value: Any) -> Any:
    """Make packaging's own value of one of ours; what is none of ours stays."""
    if not hasattr(value, "__frozen_fields__"):
        return value
    return getattr(pylock, type(value).__name__)(**_fields(value))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__frozen_fields__}
