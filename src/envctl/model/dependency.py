"""A requirement that packaging parsed before, kept as text: what a lock with warm caches is made from.

packaging's parsers of requirements and markers take 25 ms to load, longer than a whole resolution. What
they said is kept in their own normalised spelling, and they are asked again only by who needs more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.requirements import Requirement

#: Characters of one requirement, and digits of one number: no release of the public index comes near.
LONGEST_REQUIREMENT = 8 * 1024
_MOST_DIGITS = 1000

#: A requirement that was just parsed, or was parsed before.
AnyRequirement: TypeAlias = "Requirement | Dependency"


class Dependency:
    """A requirement as text, with the attributes of `packaging.requirements.Requirement`.

    ``specifier_text`` and ``marker_text`` are as packaging writes them, empty where there is none.
    """

    __slots__ = ("extras", "marker_text", "name", "specifier_text", "url")

    def __init__(
        self,
        name: str,
        extras: frozenset[str] = frozenset(),
        specifier_text: str = "",
        url: str | None = None,
        marker_text: str = "",
    ) -> None:
        self.name = name
        self.extras = extras
        self.specifier_text = specifier_text
        self.url = url
        self.marker_text = marker_text

    @property
    def specifier(self) -> SpecifierSet:
        """The specifier, parsed; each text once."""
        return parse_specifier(self.specifier_text)

    @property
    def marker(self) -> Marker | None:
        """The marker, parsed; loads packaging's parser."""
        return parse_marker(self.marker_text) if self.marker_text else None

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        origin = f" @ {self.url}" if self.url else self.specifier_text
        gap = " " if self.url else ""
        return f"{self.name}{extras}{origin}" + (f"{gap}; {self.marker_text}" if self.marker_text else "")

    def __repr__(self) -> str:
        return f"Dependency({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Dependency) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.name, self.extras, self.specifier_text, self.url, self.marker_text


def dependency_from(requirement: Requirement) -> Dependency:
    """Keep a requirement that packaging parsed."""
    return Dependency(
        requirement.name,
        frozenset(requirement.extras),
        str(requirement.specifier),
        requirement.url,
        marker_of(requirement),
    )


def marker_of(requirement: AnyRequirement) -> str:
    """Return the text of a requirement's marker, empty where it has none."""
    if isinstance(requirement, Dependency):
        return requirement.marker_text
    return "" if requirement.marker is None else str(requirement.marker)


@lru_cache(maxsize=16_384)
def parse_specifier(text: str) -> SpecifierSet:
    """Parse a specifier that is known to be one, each text once."""
    return SpecifierSet(text)


@lru_cache(maxsize=4096)
def parse_marker(text: str) -> Marker:
    """Parse a marker that is known to be one, each text once."""
    from packaging.markers import Marker  # noqa: PLC0415 - 25 ms; what it says is mostly known already

    return Marker(text)


def check_expression(text: str, *, longest: int = LONGEST_REQUIREMENT) -> str:
    """Return a stranger's version, specifier, marker or requirement, before any parser of these sees it.

    Raises:
        ValueError: it exists only to be slow, or has a number that Python refuses to read (of more than 4,300
            digits).
    """
    if len(text) > longest:
        message = f"it has {len(text):,} characters"
        raise ValueError(message)
    if len(text) > _MOST_DIGITS and re.search(rf"[0-9]{{{_MOST_DIGITS}}}", text):
        message = f"it has a number of more than {_MOST_DIGITS:,} digits"
        raise ValueError(message)
    return text
