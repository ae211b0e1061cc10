"""A requirement without its marker, as the solver handles it: compared by its normalised text."""

from __future__ import annotations

from functools import lru_cache

from packaging.specifiers import SpecifierSet

from envctl.frozen import dataclass
from envctl.model.dependency import AnyRequirement, Dependency, marker_of, parse_specifier
from envctl.model.names import normalise


class Want:
    """``text`` alone decides equality: ``idna<4,>=2.5``, ``requests[socks]``, ``blob @ https://…``.

    ``is_exact`` says that its specifier names one version (``==1.2`` without a star, or ``===``).
    Frozen by custom: a solver makes thousands of them.
    """

    __slots__ = ("extras", "is_exact", "mentions_prerelease", "name", "specifier", "text", "url")

    def __init__(
        self,
        text: str,
        name: str,
        extras: frozenset[str],
        specifier: SpecifierSet,
        *,
        is_exact: bool = False,
        mentions_prerelease: bool = False,
        url: str | None = None,
    ) -> None:
        self.text = text
        self.name = name
        self.extras = extras
        self.specifier = specifier
        self.is_exact = is_exact
        self.mentions_prerelease = mentions_prerelease
        self.url = url

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, Want) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Want({self.text!r})"

    @property
    def is_never(self) -> bool:
        """Whether nothing can satisfy it: it stands for a release that is no candidate."""
        return self.name.endswith("!")


@dataclass(frozen=True, slots=True)
class Clause:
    """A requirement taken apart once: its want, and the text of its marker, empty where it has none.

    Holds the requirement itself, so that it can be told by identity.
    """

    requirement: AnyRequirement
    want: Want
    marker: str
    mentions_extra: bool


def clause_from(requirement: AnyRequirement, known: dict[str, Want]) -> Clause:
    """Take a requirement apart; wants of one text are one object, those that are ``known`` by text."""
    marker = marker_of(requirement)
    want = want_from(requirement)
    want = known.setdefault(want.text, want)
    return Clause(requirement, want, marker, "extra" in marker)


def want_from(requirement: AnyRequirement, *, extras: frozenset[str] = frozenset()) -> Want:
    """Make a want of a requirement, with ``extras`` (normalised) added to its own."""
    name = normalise(requirement.name)
    asked = extras.union(normalise(extra) for extra in requirement.extras)
    text = f"{name}[{','.join(sorted(asked))}]" if asked else name
    if isinstance(requirement, Dependency):
        specifiers = requirement.specifier_text
    else:
        specifiers = str(requirement.specifier)
    text += f" @ {requirement.url}" if requirement.url else specifiers
    specifier, is_exact, mentions = _understand(specifiers)
    return Want(
        text,
        name,
        asked,
        specifier,
        is_exact=is_exact,
        mentions_prerelease=mentions,
        url=requirement.url,
    )


def never(name: str, reason: str) -> Want:
    """Make a want that nothing satisfies, to turn away one release of ``name`` with its reason.

    Its name cannot be a project's, so that it meets no other want.
    """
    return Want(reason, f"{name}!", frozenset(), SpecifierSet())


@lru_cache(maxsize=16_384)
def _understand(text: str) -> tuple[SpecifierSet, bool, bool]:
    """Parse a specifier: itself, whether it names one version, whether it mentions a pre-release."""
    specifiers = parse_specifier(text)
    names_one = any(
        one.operator == "===" or (one.operator == "==" and not one.version.endswith(".*"))
        for one in specifiers
    )
    return specifiers, names_one, bool(specifiers.prereleases)
