"""How far it is from one version of a project to another (PEP 440): what may break between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever has two versions has paid for the parser already
    from packaging.version import Version


def leading(version: Version) -> tuple[int, ...]:
    """Give what has to stay for nothing to break: the epoch and the first number of the release.

    While that is 0 the second counts too, as projects below 1.0 break things there.
    """
    if version.major == 0:
        return (version.epoch, 0, version.minor)
    return (version.epoch, version.major)


def measure_step(before: Version, after: Version) -> str:
    """Say how far it is between two versions, either way: ``major``, ``minor`` or ``patch``."""
    if leading(before) != leading(after):
        return "major"
    return "minor" if before.minor != after.minor else "patch"
