"""A manifest as JSON and back: what was parsed once is read in a millisecond, without any parser.

Requirements come back as text (`Dependency`), which has the attributes of what packaging made.
"""

from __future__ import annotations

import json
from typing import Any

from packaging.specifiers import SpecifierSet

from envctl.manifest import manifest as module
from envctl.manifest.manifest import Manifest
from envctl.model import tables
from envctl.model.dependency import Dependency, dependency_from, parse_specifier
from envctl.model.plain import Readers, decode, describe_shape, encode, frozen_classes

_CLASSES = {**frozen_classes(tables), **frozen_classes(module)}

#: What kept manifests are like: part of the name under which they are kept.
SHAPE = describe_shape(_CLASSES)

_READERS: Readers = {
    "requirement": lambda fields: Dependency(fields[0], frozenset(fields[1]), *fields[2:]),
    "specifier": parse_specifier,
}


def dump_manifest(manifest: Manifest) -> str:
    """Write a manifest."""
    return json.dumps(encode(manifest, _encode_rare), separators=(",", ":"))


def load_manifest(text: str) -> Manifest:
    """Read what `dump_manifest` wrote; equal to what it was made of, but that requirements are texts."""
    manifest = decode(json.loads(text), _CLASSES, _READERS)
    assert isinstance(manifest, Manifest)  # noqa: S101 - nothing else is written
    return manifest


def _encode_rare(value: object) -> tuple[str, Any]:
    if isinstance(value, SpecifierSet):
        return "specifier", str(value)
    one: Any = value  # a requirement: anything else fails here
    kept = one if isinstance(one, Dependency) else dependency_from(one)
    return "requirement", [kept.name, sorted(kept.extras), kept.specifier_text, kept.url, kept.marker_text]
