"""A requirement without its marker, as the solver handles it: compared by its normalised text."""

from __future__ import annotations

from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class Want:
    """``text`` alone decides equality: ``idna<4,>=2.5``, ``requests[socks]``, ``blob @ https://…``.

    ``is_exact`` says that its specifier names one version (``==1.2`` without a star, or ``===``).
    """

    text: str
    name: str = field(compare=False)
    extras: frozenset[str] = field(compare=False)
    specifier: SpecifierSet = field(compare=False)
    url: str | None = field(compare=False, default=None)
    is_exact: bool = field(compare=False, default=False)
    mentions_prerelease: bool = field(compare=False, default=False)

    @property
    def is_never(self) -> bool:
        """Whether nothing can satisfy it: it stands for a release that is no candidate."""
        return self.name.endswith("!")


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement taken apart once: its want, and the marker with what it costs to know about it.

    Holds the requirement itself, so that it can be told by identity.
    """

    requirement: Requirement
    want: Want
    marker: Marker | None
    marker_text: str
    mentions_extra: bool


def clause_from(requirement: Requirement, known: dict[str, Want]) -> Clause:
    """Take a requirement apart; wants of one text are one object, those that are ``known`` by text."""
    text = "" if requirement.marker is None else str(requirement.marker)
    want = want_from(requirement)
    want = known.setdefault(want.text, want)
    return Clause(requirement, want, requirement.marker, text, "extra" in text)


def want_from(requirement: Requirement, *, extras: frozenset[str] = frozenset()) -> Want:
    """Make a want of a requirement, with ``extras`` (normalised) added to its own."""
    name = canonicalize_name(requirement.name)
    asked = extras.union(canonicalize_name(extra) for extra in requirement.extras)
    text = f"{name}[{','.join(sorted(asked))}]" if asked else name
    text += f" @ {requirement.url}" if requirement.url else str(requirement.specifier)
    specifier = requirement.specifier
    return Want(
        text, name, asked, specifier, requirement.url, _names_one(specifier), bool(specifier.prereleases)
    )


def never(name: str, reason: str) -> Want:
    """Make a want that nothing satisfies, to turn away one release of ``name`` with its reason.

    Its name cannot be a project's, so that it meets no other want.
    """
    return Want(reason, f"{name}!", frozenset(), SpecifierSet())


def _names_one(specifier: SpecifierSet) -> bool:
    return any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for one in specifier
    )
