"""A manifest as JSON and back: what was parsed once is read in a millisecond, without any parser.

Values of a closed set of kinds; those that JSON lacks are objects with one key that says which. Requirements
come back as text (`Dependency`), which has the attributes of what packaging made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import ModuleType
from typing import Any

from packaging.specifiers import SpecifierSet

from envctl.manifest import manifest as module
from envctl.manifest.manifest import Manifest
from envctl.model.dependency import Dependency, dependency_from, parse_specifier

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "requirement": lambda fields: Dependency(fields[0], frozenset(fields[1]), *fields[2:]),
    "specifier": parse_specifier,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda seconds: timedelta(seconds=seconds),
}


def frozen_classes(module: ModuleType) -> Mapping[str, Any]:
    """Return the frozen values that a module defines, by name."""
    return {name: value for name, value in vars(module).items() if hasattr(value, "__frozen_fields__")}


_CLASSES = frozen_classes(module)


def dump_manifest(manifest: Manifest) -> str:
    """Write a manifest."""
    return json.dumps(encode(manifest), separators=(",", ":"))


def load_manifest(text: str) -> Manifest:
    """Read what `dump_manifest` wrote; equal to what it was made of, but that requirements are texts."""
    manifest = decode(json.loads(text), _CLASSES)
    assert isinstance(manifest, Manifest)  # noqa: S101 - nothing else is written
    return manifest


def encode(value: object) -> Any:
    """Turn a value into JSON values."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if hasattr(value, "__frozen_fields__"):
        fields = {name: encode(getattr(value, name)) for name in value.__frozen_fields__}
        return {type(value).__name__: fields}
    return dict([_encode_rare(value)])


def _encode_rare(value: object) -> tuple[str, Any]:
    match value:
        case Mapping():
            return "map", {key: encode(item) for key, item in value.items()}
        case list():
            return "list", [encode(item) for item in value]
        case frozenset():
            return "set", sorted(map(encode, value))
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


def decode(value: Any, classes: Mapping[str, Any]) -> Any:
    """Turn what `encode` made back into a value; ``classes`` are those that it may be made of."""
    if isinstance(value, list):
        return tuple([decode(item, classes) for item in value])
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "list":
            return [decode(item, classes) for item in content]
        case "set":
            return frozenset(decode(item, classes) for item in content)
        case "map":
            return {key: decode(item, classes) for key, item in content.items()}
        case _ if kind in classes:
            return classes[kind](**{name: decode(item, classes) for name, item in content.items()})
        case _:
            return _READERS[kind](content)
