"""`format_lock`: the text of a lock, the same bytes for the same lock.

One package a table, one file a line, so that a difference in a review is the lines that changed::

    [[packages]]
    name = "idna"
    version = "3.10"
    wheels = [
        { name = "idna-3.10-py3-none-any.whl", url = "https://…", size = 70442, hashes = { sha256 = "…" } },
    ]

    [packages.tool.envctl]
    requires = []

Packages are sorted by name, then version, then marker; keys stand in the order of PEP 751.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import tomli_w
from packaging.version import Version

from envctl.lock.entries import Entries
from envctl.lock.entries import Package as Entry
from envctl.lock.lock import Lock

if TYPE_CHECKING:
    from packaging.pylock import Package, Pylock

# Most texts of a lock: nothing to escape in a basic string.
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
# Markers: quotes, but nothing that a literal string cannot hold.
_LITERAL = re.compile(r"[ -&(-~]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def format_lock(lock: Lock | Pylock | Entries) -> bytes:
    """Write a lock as TOML, UTF-8, with a final newline."""
    if isinstance(lock, Lock):
        if lock.entries is not None:
            return lock.data
        lock = lock.pylock
    return _format(lock)


def _format(pylock: Pylock | Entries) -> bytes:
    packages = sorted(pylock.packages, key=_sort_key)
    head: list[tuple[str, object]] = [
        ("lock-version", pylock.lock_version),
        ("environments", pylock.environments),
        ("requires-python", pylock.requires_python),
        ("extras", pylock.extras),
        ("dependency-groups", pylock.dependency_groups),
        ("default-groups", pylock.default_groups),
        ("created-by", pylock.created_by),
    ]
    lines = [f"{key} = {_array_or_value(value)}" for key, value in head if value is not None]
    for package in packages:
        lines += ["", "[[packages]]", *_package(package)]
    if not packages:
        lines.append("packages = []")
    for name, table in sorted((pylock.tool or {}).items()):
        lines += ["", f"[tool.{_key(name)}]", *_entries(table)]
    return ("\n".join(lines) + "\n").encode()


def _package(package: Package | Entry) -> list[str]:
    fields: list[tuple[str, object]] = [
        ("name", package.name),
        ("version", package.version),
        ("marker", package.marker),
        ("requires-python", package.requires_python),
        ("dependencies", package.dependencies),
        ("vcs", package.vcs),
        ("directory", package.directory),
        ("archive", package.archive),
        ("index", package.index),
        ("sdist", package.sdist),
        ("wheels", package.wheels),
        ("attestation-identities", package.attestation_identities),
    ]
    lines = [f"{key} = {_array_or_value(value)}" for key, value in fields if value is not None]
    for name, table in sorted((package.tool or {}).items()):
        lines += ["", f"[packages.tool.{_key(name)}]", *_entries(table)]
    return lines


def _sort_key(package: Package | Entry) -> tuple[str, Version, str]:
    version = package.version or "0"
    return package.name, Version(version) if isinstance(version, str) else version, str(package.marker or "")


def _entries(table: object) -> list[str]:
    if not isinstance(table, Mapping):
        return []
    return [f"{_key(key)} = {_array_or_value(value)}" for key, value in table.items()]


def _array_or_value(value: object) -> str:
    """Put each member of an array on a line of its own."""
    if isinstance(value, list | tuple) and value:
        return "[\n" + "".join(f"    {_value(member)},\n" for member in value) + "]"
    return _value(value)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case datetime():
            return _moment(value)
        case Mapping():
            return _inline({str(key): member for key, member in value.items()})
        case list() | tuple():
            return "[" + ", ".join(_value(member) for member in value) + "]"
        case _ if (names := _fields_of(value)) is not None:
            fields = {name.replace("_", "-"): getattr(value, name) for name in names}
            return _inline({key: fields[key] for key in sorted(fields, key=_file_order)})
        case float():
            return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")
        case _:
            return _text(str(value))


def _fields_of(value: object) -> Iterable[str] | None:
    """Name the fields of one of our entries, or of one of packaging's."""
    names = getattr(value, "__frozen_fields__", None)
    return getattr(value, "__dataclass_fields__", None) if names is None else names


def _file_order(key: str) -> int:
    """Order the keys of a file: what a person looks for first, and the long hashes last."""
    order = ("type", "name", "url", "path", "editable", "requested-revision", "commit-id")
    return order.index(key) if key in order else 99 if key == "hashes" else 50


def _inline(fields: Mapping[str, object]) -> str:
    members = [f"{_key(key)} = {_value(value)}" for key, value in fields.items() if value is not None]
    return "{ " + ", ".join(members) + " }" if members else "{}"


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    if _LITERAL.fullmatch(text):
        return f"'{text}'"
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip("\n")


def _moment(moment: datetime) -> str:
    """Write a moment as PEP 751 has it: UTC, and no offset where TOML has none."""
    if moment.tzinfo is None:
        return moment.isoformat()
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
