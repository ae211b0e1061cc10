"""The part of core metadata that decides a resolution, as it is cached: JSON, each requirement apart.

::

    {"name": …, "version": …, "python": ">=3.9" or null, "extras": […],
     "requires": [[name, [extras], specifier, URL or null, marker], …]}

Specifiers and markers are as packaging writes them, so that they need not be parsed to be compared.
"""

from __future__ import annotations

import json

from packaging.version import Version

from envctl.model.dependency import Dependency, parse_specifier
from envctl.resolve.port import Metadata


def encode_metadata(metadata: Metadata) -> bytes:
    """Write metadata of a file of an index."""
    requires = [
        [one.name, sorted(one.extras), one.specifier_text, one.url, one.marker_text]
        for one in metadata.requirements
    ]
    fields = {
        "name": metadata.name,
        "version": str(metadata.version),
        "python": None if metadata.requires_python is None else str(metadata.requires_python),
        "extras": sorted(metadata.extras),
        "requires": requires,
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def decode_metadata(data: bytes) -> Metadata:
    """Read what `encode_metadata` wrote."""
    fields = json.loads(data)
    python = fields["python"]
    return Metadata(
        name=fields["name"],
        version=Version(fields["version"]),
        requires_python=None if python is None else parse_specifier(python),
        requirements=tuple(
            Dependency(name, frozenset(extras), specifier, url, marker)
            for name, extras, specifier, url, marker in fields["requires"]
        ),
        extras=frozenset(fields["extras"]),
    )
