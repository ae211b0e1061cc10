"""A manifest as JSON and back: what was parsed once is read in a millisecond, without any parser.

Values of a closed set of kinds; those that JSON lacks are objects with one key that says which. Requirements
come back as text (`Dependency`), which has the attributes of what packaging made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from packaging.specifiers import SpecifierSet

from envctl.manifest import manifest as module
from envctl.manifest.manifest import Manifest
from envctl.model.dependency import Dependency, dependency_from, parse_specifier

_CLASSES: Mapping[str, Any] = {
    name: value for name, value in vars(module).items() if hasattr(value, "__frozen_fields__")
}

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "list": lambda items: [_decode(item) for item in items],
    "set": lambda items: frozenset(_decode(item) for item in items),
    "map": lambda table: {key: _decode(value) for key, value in table.items()},
    "requirement": lambda fields: Dependency(fields[0], frozenset(fields[1]), *fields[2:]),
    "specifier": parse_specifier,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
}


def dump_manifest(manifest: Manifest) -> str:
    """Write a manifest."""
    return json.dumps(_encode(manifest), separators=(",", ":"))


def load_manifest(text: str) -> Manifest:
    """Read what `dump_manifest` wrote; equal to what it was made of, but that requirements are texts."""
    manifest = _decode(json.loads(text))
    assert isinstance(manifest, Manifest)  # noqa: S101 - nothing else is written
    return manifest


def _encode(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if hasattr(value, "__frozen_fields__"):
        fields = {name: _encode(getattr(value, name)) for name in value.__frozen_fields__}
        return {type(value).__name__: fields}
    return dict([_encode_rare(value)])


def _encode_rare(value: object) -> tuple[str, Any]:
    match value:
        case Mapping():
            return "map", {key: _encode(item) for key, item in value.items()}
        case list():
            return "list", [_encode(item) for item in value]
        case frozenset():
            return "set", sorted(map(_encode, value))
        case SpecifierSet():
            return "specifier", str(value)
        case datetime() | date() | time():
            return type(value).__name__, value.isoformat()
        case timedelta():
            return "seconds", value.total_seconds()
        case _:
            one: Any = value  # a requirement: anything else fails here
            kept = one if isinstance(one, Dependency) else dependency_from(one)
            return "requirement", [
                kept.name,
                sorted(kept.extras),
                kept.specifier_text,
                kept.url,
                kept.marker_text,
            ]


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_decode, value))
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in _CLASSES:
        return _CLASSES[kind](**{name: _decode(item) for name, item in content.items()})
    return _READERS[kind](content)
