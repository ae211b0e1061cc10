"""Where constraints and overrides stand in a manifest: looked up when an error comes to name one."""

from __future__ import annotations

import os
from collections.abc import Mapping

from envctl.manifest.manifest import Manifest
from envctl.resolve.want import want_from


def find_places(manifest: Manifest) -> Mapping[str, str]:
    """Map constraints and overrides, without markers, to file and line; none where the file has gone."""
    # Of no use to a run that succeeds.
    from envctl.manifest.locate import locate  # noqa: PLC0415 - the reason is above

    try:
        with open(manifest.path, encoding="utf-8") as file:
            lines = locate(file.read())
    except (OSError, UnicodeDecodeError):
        return {}
    settings = manifest.lock
    name = os.path.basename(manifest.path)
    return {
        want_from(limit).text: f"{name}:{lines[('lock', key, place)]}"
        for key, limits in (("constraints", settings.constraints), ("overrides", settings.overrides))
        for place, limit in enumerate(limits)
        if ("lock", key, place) in lines
    }
